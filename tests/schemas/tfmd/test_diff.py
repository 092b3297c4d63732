import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.diff import diff_schemas
from tfx_sequence.schemas.tfmd.parts import list_feature_protos

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "ids": Feature(kind="integer"),
    }
)


def make(spec=SPEC, domain=("X", "Y"), **bounds):
    schema = to_schema(spec)
    for proto in list_feature_protos(schema):
        if proto.name == "tags" and domain is not None:
            proto.domain = "tags"
            schema.string_domain.add(name="tags", value=domain)
        if proto.name == "ids":
            for field, value in bounds.items():
                setattr(proto.int_domain, field, value)
    return schema


def spec_with(**features):
    kept = {name: feature for name, feature in {**SPEC.features, **features}.items() if feature is not None}
    return SPEC.model_copy(update={"features": kept})


@given(st.data())
def test_schemas_of_one_spec_do_not_differ(specs, data):
    spec = data.draw(specs)
    assert diff_schemas(to_schema(spec), to_schema(spec)) == []


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (make(SPEC.model_copy(update={"max_length": 9})), ["`max_length` is 9, was None"]),
        (make(SPEC.model_copy(update={"length_drift": 0.5})), ["`length_drift` is 0.5, was None"]),
        (
            make(spec_with(tokens=Feature(kind="token", role="carried"))),
            ["feature `tokens`: `role` is 'carried', was 'input'"],
        ),
        (make(spec_with(lemma=Feature(kind="token"))), ["feature `lemma` is new"]),
        (make(spec_with(ids=None)), ["feature `ids` is gone"]),
        (
            make(domain=("X", "Z")),
            ["feature `tags`: its domain has 'Z'", "feature `tags`: its domain no longer has 'Y'"],
        ),
        (make(domain=[*"ABCDEFG", "X", "Y"]), ["feature `tags`: its domain has 'A', 'B', 'C', 'D', 'E' and 2 more"]),
        (make(domain=None), ["feature `tags`: its values are no longer a closed set"]),
        (make(min=1, max=9), ["feature `ids`: `int_domain` is {min: 1 max: 9}, was {}"]),
    ],
)
def test_what_differs_is_said_in_a_line(new, lines):
    assert diff_schemas(make(), new) == lines


def test_direction_is_from_old_to_new():
    assert diff_schemas(make(domain=None), make()) == ["feature `tags`: its values are now a closed set of 2"]


def test_feature_that_changes_its_place_or_type_says_so():
    new = make(spec_with(ids=Feature(kind="token", context=True)))
    assert diff_schemas(make(), new) == [
        "feature `ids`: `kind` is 'token', was 'integer'",
        "feature `ids`: `context` is True, was False",
    ]
