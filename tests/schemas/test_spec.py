import hypothesis.strategies as st
import pydantic
import pytest
from hypothesis import given

from tfx_sequence.schemas.spec import Feature, SequenceSpec

TOKENS = Feature(kind="token")
TAGS = Feature(kind="categorical", role="label")
KEY = Feature(kind="token", role="key", context=True)


def problem(make):
    """The only problem that making a value has, as `place: message`."""
    with pytest.raises(pydantic.ValidationError) as caught:
        make()
    (error,) = caught.value.errors()
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


@given(st.data())
def test_spec_comes_back_from_json_with_its_features_in_order(specs, data):
    spec = data.draw(specs)
    read = SequenceSpec.from_json(spec.to_json())
    assert read == spec
    assert list(read.features) == list(spec.features)
    assert read.to_json() == spec.to_json()


def test_json_leaves_defaults_out():
    spec = SequenceSpec(features={"tokens": TOKENS, "tags": TAGS})
    assert spec.to_json() == ('{"features":{"tokens":{"kind":"token"},"tags":{"kind":"categorical","role":"label"}}}')


def test_dtype_follows_from_the_kind():
    kinds = {"token": None, "categorical": None, "integer": None, "float": None, "vector": 3}
    dtypes = [Feature(kind=kind, width=width).dtype for kind, width in kinds.items()]
    assert dtypes == ["string", "string", "int64", "float32", "float32"]


def test_features_are_found_by_place_and_role():
    spec = SequenceSpec(features={"id": KEY, "tokens": TOKENS, "tags": TAGS})
    assert list(spec.context) == ["id"]
    assert list(spec.sequence) == ["tokens", "tags"]
    assert list(spec.with_role("label")) == ["tags"]
    assert list(spec.with_role("time")) == []


def test_source_is_the_name_unless_given():
    spec = SequenceSpec(features={"tokens": Feature(kind="token", source="form"), "tags": TAGS})
    assert (spec.source("tokens"), spec.source("tags")) == ("form", "tags")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"kind": "vector"},
            ": Value error, a feature of kind 'vector' needs `width`, the number of floats in a step",
        ),
        ({"kind": "float", "width": 2}, ": Value error, a feature of kind 'float' takes no `width`"),
        ({"kind": "vector", "width": 0}, "width: Input should be greater than or equal to 1"),
        (
            {"kind": "token", "role": "label"},
            ": Value error, a label must be 'categorical', 'integer', 'float' or 'vector', not 'token'",
        ),
        (
            {"kind": "token", "shift": "next"},
            ": Value error, `shift` is for a sequence feature of the role 'label' or 'carried', not for a sequence "
            "feature of the role 'input'",
        ),
        ({"kind": "token", "spans": "BIO"}, ": Value error, only a 'categorical' sequence feature has `spans`"),
        (
            {"kind": "categorical", "spans": "BIO", "context": True},
            ": Value error, only a 'categorical' sequence feature has `spans`",
        ),
        ({"kind": "categorical", "spans": "IOB1"}, "spans: Input should be 'BIO' or 'BIOES'"),
        ({"kind": "word"}, "kind: Input should be 'token', 'categorical', 'integer', 'float' or 'vector'"),
        (
            {"kind": "token", "role": "x"},
            "role: Input should be 'input', 'label', 'weight', 'key', 'time' or 'carried'",
        ),
        (
            {"kind": "float", "nested": True},
            ": Value error, `nested` is for a sequence feature of strings, not a sequence feature of kind 'float'",
        ),
        (
            {"kind": "token", "nested": True, "context": True},
            ": Value error, `nested` is for a sequence feature of strings, not a context feature of kind 'token'",
        ),
        (
            {"kind": "categorical", "nested": True, "role": "label"},
            ": Value error, a `nested` feature has the role 'input' or 'carried', not 'label'",
        ),
        (
            {"kind": "categorical", "nested": True, "spans": "BIO"},
            ": Value error, `spans` and `nested` exclude each other: spans are of steps with one tag",
        ),
        (
            {"kind": "integer", "missing": True},
            ": Value error, `missing` is for a 'float' or 'vector' feature of the role 'input' or 'carried', not for "
            "one of kind 'integer' and role 'input'",
        ),
        (
            {"kind": "float", "missing": True, "role": "label"},
            ": Value error, `missing` is for a 'float' or 'vector' feature of the role 'input' or 'carried', not for "
            "one of kind 'float' and role 'label'",
        ),
        ({"kind": "token", "with": 3}, "with: Extra inputs are not permitted"),
        ({"kind": "token", "drift": 1.5}, "drift: Input should be less than or equal to 1"),
        ({"kind": "token", "source": ""}, "source: String should have at least 1 character"),
    ],
)
def test_feature_is_refused_with_a_message(fields, message):
    assert problem(lambda: Feature(**fields)) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"features": {}},
            ": Value error, a spec needs at least one sequence feature (context = false); it has none",
        ),
        (
            {"features": {"id": KEY}},
            ": Value error, a spec needs at least one sequence feature (context = false); it has none",
        ),
        (
            {"features": {"tokens": TOKENS}, "min_length": 3, "max_length": 2},
            ": Value error, max_length is 2, less than min_length, which is 3",
        ),
        (
            {"features": {"tokens": TOKENS}, "min_length": -1},
            "min_length: Input should be greater than or equal to 0",
        ),
        (
            {"features": {"tokens": TOKENS}, "max_length": 0},
            "max_length: Input should be greater than or equal to 1",
        ),
    ],
)
def test_spec_is_refused_with_a_message(fields, message):
    assert problem(lambda: SequenceSpec(**fields)) == message


@pytest.mark.parametrize("name", ["", "a b", "a/b", "##SEQUENCE##", "ids$ragged_values", "a\n", "\u2003"])
def test_feature_name_is_refused_that_tfx_reads_otherwise(name):
    assert problem(lambda: SequenceSpec(features={name: TOKENS})).startswith(f"features.{name}.[key]: String should")


@pytest.mark.parametrize("name", ["a", "a.b", "kelime_türü", "語", "a-b", "[PAD]", "0"])
def test_feature_name_is_taken(name):
    assert list(SequenceSpec(features={name: TOKENS}).features) == [name]


def test_spec_is_immutable():
    spec = SequenceSpec(features={"tokens": TOKENS})
    with pytest.raises(pydantic.ValidationError):
        spec.min_length = 2
    with pytest.raises(pydantic.ValidationError):
        spec.features["tokens"].kind = "float"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"features": {"t": {"kind": "token"}}, "x": 1}'])
def test_json_that_is_no_spec_is_refused(text):
    with pytest.raises(pydantic.ValidationError):
        SequenceSpec.from_json(text)
