import math

import hypothesis.strategies as st
import pytest
from google.protobuf import text_format
from hypothesis import given
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.checks.findings import MAX_FIRST_REJECTS, FindingCounts
from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.parts import list_feature_protos

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "ids": Feature(kind="integer"),
        "lpc": Feature(kind="vector", width=2),
        "speed": Feature(kind="float", missing=True),
        "parts": Feature(kind="categorical", nested=True),
        "at": Feature(kind="integer", role="time"),
        "slot": Feature(kind="categorical", role="label", spans="BIO"),
        "id": Feature(kind="token", role="key", context=True),
        "weight": Feature(kind="float", role="weight", context=True),
    },
    min_length=2,
    max_length=4,
)
DOMAINS = {"tags": ["X", "Y"], "parts": ["a", "b", ""], "slot": ["B-a", "I-a", "O"]}


def make_schema():
    schema = to_schema(SPEC)
    for proto in list_feature_protos(schema):
        if proto.name in DOMAINS:
            proto.domain = proto.name
            schema.string_domain.add(name=proto.name, value=DOMAINS[proto.name])
        if proto.name == "ids":
            proto.int_domain.is_categorical = True
            proto.int_domain.max = 9
    return schema


CHECKER = RecordChecker(make_schema())


def check(*arguments, **named):
    return CHECKER.check(*arguments, **named).findings


CONTEXT = {"id": "s1", "weight": 1.0}
LISTS = {
    "tokens": ["a", "b"],
    "tags": ["X", "Y"],
    "ids": [1, 2],
    "lpc": [[1.0, 2.0], [3.0, 4.0]],
    "speed": [[math.nan], [3.0]],
    "parts": [["a", "b", ""], []],
    "at": [5, 5],
    "slot": ["B-a", "I-a"],
}


def found(counts):
    """What was found, as {(reason, feature): count}."""
    return {(str(group.reason), group.feature): group.count for group in counts.groups}


def messages(counts):
    return [reject.message for group in counts.groups for reject in group.first_rejects]


def test_clean_records_give_nothing(example):
    counts = check([example(CONTEXT, LISTS)] * 3)
    assert counts == FindingCounts(records=3)


def with_lists(**changed):
    return CONTEXT, {name: steps for name, steps in {**LISTS, **changed}.items() if steps is not None}


def with_context(**changed):
    return {name: value for name, value in {**CONTEXT, **changed}.items() if value is not None}, LISTS


@pytest.mark.parametrize(
    ("record", "reason", "feature", "message"),
    [
        (with_lists(tags=["X"]), "unequal_lengths", "tags", "`tags` has 1 steps, but `tokens` has 2"),
        (with_lists(tags=None), "missing_feature", "tags", "the feature lists have no `tags`"),
        (with_context(id=None), "missing_feature", "id", "the context has no value of `id`"),
        (with_context(weight=[]), "missing_feature", "weight", "the context has no value of `weight`"),
        (with_lists(tokens=["a", []]), "empty_step", "tokens", "`tokens` has no value at step 1"),
        (
            with_lists(tokens=[["a", "b"], "c"]),
            "multiple_values",
            "tokens",
            "`tokens` has 2 values at step 0, expected 1",
        ),
        (with_lists(parts=[["a"]]), "unequal_lengths", "parts", "`parts` has 1 steps, but `tokens` has 2"),
        (
            with_lists(parts=[["a", "b"], ["a", "c"]]),
            "outside_domain",
            "parts",
            "`parts` has 'c' at step 1, expected one of the 3 values of its domain",
        ),
        (with_lists(parts=[[1, 2], [3]]), "wrong_type", "parts", "`parts` has 1, which is int64, expected string"),
        (with_context(weight=[1.0, 2.0]), "multiple_values", "weight", "`weight` has 2 values, expected 1"),
        (with_lists(lpc=[[1.0, 2.0], [3.0]]), "wrong_type", "lpc", "`lpc` has 1 values at step 1, expected 2"),
        (with_lists(ids=["1", "2"]), "wrong_type", "ids", "`ids` has '1', which is string, expected int64"),
        (with_lists(ids=[0.5, 1.5]), "wrong_type", "ids", "`ids` has 0.5, which is float32, expected int64"),
        (with_lists(tokens=[1, 2]), "wrong_type", "tokens", "`tokens` has 1, which is int64, expected string"),
        (
            with_lists(lpc=[[1.0, 2.0], [math.nan, 4.0]]),
            "not_finite",
            "lpc",
            "`lpc` has nan at step 1, expected a finite number",
        ),
        (
            with_lists(speed=[[math.nan], [-math.inf]]),
            "not_finite",
            "speed",
            "`speed` has -inf at step 1, expected a finite number",
        ),
        (with_context(weight=-0.5), "negative_weight", "weight", "`weight` has -0.5, expected a weight of at least 0"),
        (with_context(weight=math.inf), "not_finite", "weight", "`weight` has inf, expected a finite number"),
        (
            with_lists(tokens=["a", b"\xff"]),
            "undecodable",
            "tokens",
            r"`tokens` has '\\xff' at step 1, expected text in UTF-8",
        ),
        (with_context(id=b"\xff"), "undecodable", "id", r"`id` has '\\xff', expected text in UTF-8"),
        (
            with_lists(tags=["X", "Z"]),
            "outside_domain",
            "tags",
            "`tags` has 'Z' at step 1, expected one of the 2 values of its domain",
        ),
        (with_lists(ids=[1, 10]), "outside_domain", "ids", "`ids` has 10 at step 1, expected a number from -inf to 9"),
        (with_lists(ids=[1, 0]), "reserved_id", "ids", "`ids` has 0 at step 1, expected an id from 1: 0 is padding"),
        (
            with_lists(at=[5, 4]),
            "time_reversed",
            "at",
            "`at` goes back from 5 to 4 at step 1, expected times that do not fall",
        ),
        (
            with_lists(slot=["O", "I-a"]),
            "broken_span",
            "slot",
            "`slot` has 'I-a' after 'O' at step 1, the last one, where BIO has no such tag",
        ),
        (
            with_lists(slot=["I-a", "O"]),
            "broken_span",
            "slot",
            "`slot` has 'I-a' at the beginning at step 0, where BIO has no such tag",
        ),
    ],
)
def test_defect_is_found_and_named(example, record, reason, feature, message):
    clean = example(CONTEXT, LISTS)
    counts = check([clean, example(*record), clean], file="data-0.gz", first=10)
    assert found(counts) == {(reason, feature): 1}
    (reject,) = counts.groups[0].first_rejects
    assert (str(reject.reason), reject.message, reject.file, reject.record) == (reason, message, "data-0.gz", 11)
    named = reject.key
    assert named == (None if record[0].get("id") is None else {"s1": "s1"}.get(record[0]["id"], "\\xff"))
    assert "tokens: " in reject.excerpt


@pytest.mark.parametrize(
    ("length", "reason", "message"),
    [
        (0, "empty_sequence", "the sequence has 0 steps, expected at least 2"),
        (1, "too_short", "the sequence has 1 steps, expected at least 2"),
        (5, "too_long", "the sequence has 5 steps, expected at most 4"),
    ],
)
def test_length_out_of_bounds_is_found_in_the_record_as_a_whole(example, length, reason, message):
    lists = {**{name: [steps[0]] * length for name, steps in LISTS.items()}, "slot": ["O"] * length}
    counts = check([example(CONTEXT, lists)])
    assert found(counts) == {(reason, ""): 1}
    assert messages(counts) == [message]


def test_record_without_feature_lists_lacks_all_of_them(example):
    counts = check([example(CONTEXT, {}), example(CONTEXT, LISTS)])
    assert found(counts) == {("empty_sequence", ""): 1} | {("missing_feature", name): 1 for name in SPEC.sequence}


def test_feature_that_no_spec_names_is_not_judged(example):
    assert check([example({**CONTEXT, "x": []}, {**LISTS, "more": [[], [1, 2], 3]})]) == FindingCounts(records=1)


@pytest.mark.parametrize("junk", [b"\x0a", b"\xff" * 9, b"not an example"])
def test_record_that_cannot_be_decoded_is_named_and_its_neighbours_are_checked(example, junk):
    records = [example(CONTEXT, LISTS), junk, example(*with_lists(tags=["X"])), example(CONTEXT, LISTS)]
    counts = check(records, file="f", first=100)
    assert found(counts) == {("undecodable", ""): 1, ("unequal_lengths", "tags"): 1}
    assert [(r.file, r.record) for group in counts.groups for r in group.first_rejects] == [("f", 101), ("f", 102)]
    assert f"{len(junk)} bytes that are not a tf.train.SequenceExample" in messages(counts)


def test_one_record_of_another_type_does_not_hide_the_rest(example):
    records = [example(CONTEXT, LISTS), example(*with_lists(ids=["1", "2"])), example(*with_lists(ids=[0, 1]))]
    counts = check(records)
    assert found(counts) == {("wrong_type", "ids"): 1, ("reserved_id", "ids"): 1}
    assert {r.record: str(r.reason) for group in counts.groups for r in group.first_rejects} == {
        1: "wrong_type",
        2: "reserved_id",
    }


def test_types_mixed_within_a_record_are_named(example):
    counts = check([example(*with_lists(ids=[1, "2"])), example(CONTEXT, LISTS)])
    assert found(counts) == {("wrong_type", ""): 1}
    assert messages(counts)[0].startswith("a feature mixes types: ")


def test_many_records_are_counted_and_the_first_named(example):
    bad = example(*with_lists(tags=["X"]))
    counts = check([bad] * 50, file="f")
    assert [(group.count, [reject.record for reject in group.first_rejects]) for group in counts.groups] == [
        (50, [0, 1, 2, 3, 4])
    ]
    assert len(counts.groups[0].first_rejects) == MAX_FIRST_REJECTS


def test_counts_add_up_in_any_order_and_grouping(example):
    records = [example(*with_lists(tags=["X"] * n)) for n in (1, 2, 3, 0, 1, 2, 3, 1, 3)]
    whole = check(records, file="f")
    singles = [check([record], "f", position) for position, record in enumerate(records)]
    assert FindingCounts.sum(singles) == FindingCounts.sum(reversed(singles)) == whole
    assert FindingCounts.sum([FindingCounts.sum(singles[:4]), FindingCounts.sum(singles[4:])]) == whole
    assert FindingCounts.model_validate_json(whole.model_dump_json()) == whole
    assert FindingCounts.sum([]) == FindingCounts()


def test_key_of_several_features_is_joined(example):
    schema = text_format.Parse(text_format.MessageToString(make_schema()), schema_pb2.Schema())
    (weight,) = [proto for proto in schema.feature if proto.name == "weight"]
    weight.annotation.tag[:] = ["kind:float", "role:key"]
    counts, keys, _ = RecordChecker(schema).check([example({"id": "s9", "weight": 0.5}, {**LISTS, "tags": ["X"]})])
    assert counts.groups[0].first_rejects[0].key == "s9/0.5"
    assert keys == [("s9/0.5", 0)]


def test_keys_come_with_their_positions(example):
    records = [
        example({**CONTEXT, "id": "p"}, LISTS),
        example(*with_context(id=None)),
        b"junk",
        example(CONTEXT, LISTS),
    ]
    assert CHECKER.check(records, first=7).keys == [("p", 7), ("s1", 10)]
    keyless = to_schema(SequenceSpec(features={"tokens": Feature(kind="token")}))
    assert RecordChecker(keyless).check(records).keys == []


# Values, right and wrong, of one type for each feature: a batch that mixes types is another matter.
VALUES = {
    "tokens": st.sampled_from(["a", "ğ", b"\xff"]),
    "tags": st.sampled_from(["X", "Y", "Z"]),
    "ids": st.integers(-1, 11),
    "lpc": st.sampled_from([0.0, 1.5, math.nan, math.inf]),
    "speed": st.sampled_from([1.5, math.nan, math.inf]),
    "parts": st.sampled_from(["a", "", b"\xfe"]),
    "at": st.integers(0, 3),
    "slot": st.sampled_from(["O", "B-a", "I-a"]),
    "id": st.sampled_from(["s", "t", b"\xfe"]),
    "weight": st.sampled_from([1.0, -math.inf]),
}


def steps(name):
    width = SPEC.features[name].width or 1
    step = st.lists(VALUES[name], min_size=width, max_size=width) | st.lists(VALUES[name], max_size=3)
    return st.none() | st.lists(step, max_size=6) | st.lists(step, min_size=2, max_size=4)


RECORD = st.tuples(
    st.fixed_dictionaries({name: st.none() | st.lists(VALUES[name], max_size=2) for name in SPEC.context}),
    st.fixed_dictionaries({name: steps(name) for name in SPEC.sequence}),
)


def is_text(value):
    return isinstance(value, str)


def expected_in(context, lists):
    """Reads one record as a person would, feature by feature and step by step: the set of (reason, feature)."""
    out = set()
    lengths = {name: len(lists[name]) for name in SPEC.sequence if lists[name] is not None}
    for name, length in lengths.items():
        if length != next(iter(lengths.values())):
            out.add(("unequal_lengths", name))
    longest = max(lengths.values(), default=0)
    if longest == 0:
        out.add(("empty_sequence", ""))
    elif longest < SPEC.min_length:
        out.add(("too_short", ""))
    elif longest > SPEC.max_length:
        out.add(("too_long", ""))
    for name, feature in SPEC.features.items():
        given = [context[name]] if feature.context and context[name] else lists.get(name)
        if given is None:
            out.add(("missing_feature", name))
            continue
        for step in given:
            if feature.nested:
                continue
            if not step:
                out.add(("empty_step", name))
            elif feature.width and len(step) != feature.width:
                out.add(("wrong_type", name))
            elif not feature.width and len(step) > 1:
                out.add(("multiple_values", name))
        values = [value for step in given for value in step]
        if feature.dtype == "string" and not all(map(is_text, values)):
            out.add(("undecodable", name))
        if feature.dtype == "float32" and any(
            math.isinf(value) or (math.isnan(value) and name != "speed") for value in values
        ):
            out.add(("not_finite", name))
        if feature.role == "weight" and any(value < 0 for value in values):
            out.add(("negative_weight", name))
        if name in DOMAINS and not set(values) <= set(DOMAINS[name]):
            out.add(("outside_domain", name))
        if name == "ids" and 0 in values:
            out.add(("reserved_id", name))
        if name == "ids" and any(value > 9 for value in values):
            out.add(("outside_domain", name))
        single = all(len(step) == 1 for step in given)
        if name == "at" and single and values != sorted(values):
            out.add(("time_reversed", name))
        if name == "slot" and single:
            pairs = zip(["O", *values], values, strict=False)
            if any(tag == "I-a" and before == "O" for before, tag in pairs):
                out.add(("broken_span", name))
    return out


@given(st.lists(RECORD, min_size=1, max_size=8))
def test_findings_are_those_of_reading_record_by_record(example, records):
    kept = [
        ({n: v for n, v in context.items() if v is not None}, {n: v for n, v in lists.items() if v is not None})
        for context, lists in records
    ]
    counts = check([example(*record) for record in kept])
    expected = {}
    for position, record in enumerate(records):
        for reason, feature in expected_in(*record):
            expected.setdefault((reason, feature), []).append(position)
    assert found(counts) == {key: len(positions) for key, positions in expected.items()}
    named = {(str(group.reason), group.feature): [r.record for r in group.first_rejects] for group in counts.groups}
    assert named == {key: positions[:MAX_FIRST_REJECTS] for key, positions in expected.items()}


def test_reasons_have_stable_names():
    assert [reason.value for reason in Reason][-6:] == [
        "empty_step",
        "multiple_values",
        "outside_domain",
        "reserved_id",
        "time_reversed",
        "broken_span",
    ]


def test_keys_of_several_features_differ_if_the_values_differ(example):
    keys = {name: Feature(kind="token", role="key", context=True) for name in ("book", "line")}
    checker = RecordChecker(to_schema(SequenceSpec(features={"tokens": Feature(kind="token"), **keys})))
    pairs = [("a", "b"), ("a/b", "c"), ("a", "b/c"), ("a\\", "b"), ("a\\/b", "c")]
    records = [example({"book": book, "line": line}, {"tokens": ["x"]}) for book, line in pairs]
    found = [key for key, _ in checker.check(records).keys]
    assert found[0] == "a/b"
    assert len(set(found)) == len(pairs)
