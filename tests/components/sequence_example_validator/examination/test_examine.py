import math

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_example_validator.examination.data_report import DataReport, NumbersReport
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.examine import examine
from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import list_feature_protos

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", drift=0.3),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    }
)


def make_schema():
    schema = to_schema(SPEC)
    (tags,) = [proto for proto in list_feature_protos(schema) if proto.name == "tags"]
    tags.domain = "tags"
    schema.string_domain.add(name="tags", value=["X", "Y"])
    return schema


@pytest.fixture
def write(tmp_path, make_example):
    """Writes records, given as key, tokens and tags, or as bytes, to a file named for the split."""

    def to_file(split, *records):
        path = str(tmp_path / f"{split}.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in records:
                if isinstance(record, bytes):
                    writer.write(record)
                else:
                    key, tokens, tags = record
                    writer.write(make_example({"id": key}, {"tokens": tokens.split(), "tags": tags.split()}))
        return {split: [path]}

    return to_file


TRAIN = ("1", "a b c", "X Y X"), ("2", "a", "X"), ("3", "a", "X")


def test_clean_data_is_described(write):
    report = examine(
        {**write("train", *TRAIN), **write("test", ("4", "a d e e", "X Y X Y"), ("5", "a", "X"))}, make_schema()
    )
    assert (report.anomalies, report.failures) == ((), ())
    train, test = report.splits["train"], report.splits["test"]
    assert (train.records, train.steps, test.records, test.steps) == (3, 5, 2, 5)
    assert train.lengths == {"min": 1, "5%": 1, "median": 1, "95%": 3, "max": 3}
    # All three records are in one batch, so each is padded to three steps.
    assert train.histogram == ((1, 1, 2), (2, 2, 0), (3, 3, 1))
    assert train.padding["by_length"] == pytest.approx(1 - 5 / 9)
    assert 0 < train.padding["random"] < 1 - 5 / 9 + 0.01
    assert train.values["tags"].top == {"X": 4, "Y": 1}
    assert (train.values["tokens"].distinct, train.values["tokens"].unseen) == (3, None)
    # Three of the five tokens of test (d, e and e) do not occur in train.
    assert test.values["tokens"].unseen == pytest.approx(3 / 5)
    assert test.values["tokens"].unseen_top == {"e": 2, "d": 1}
    assert test.values["tags"].unseen == 0
    # The third record of train and the last record of test are equal to the second record of train.
    assert (train.repeated, train.in_train) == (pytest.approx(1 / 3), None)
    assert (test.repeated, test.in_train) == (0, pytest.approx(1 / 2))
    assert DataReport.model_validate_json(report.model_dump_json()) == report


NUMBERS = SequenceSpec(
    features={
        "x": Feature(kind="float", missing=True),
        "v": Feature(kind="vector", width=2, missing=True),
        "n": Feature(kind="integer"),
        "y": Feature(kind="integer", role="label", context=True),
        "age": Feature(kind="float", context=True, missing=True),
        "never": Feature(kind="float", missing=True),
        "left": Feature(kind="float", role="carried"),
        "w": Feature(kind="float", role="weight", context=True),
        "word": Feature(kind="token"),
    }
)


def number_records(rng, size):
    def some(shape, share=0.3):
        values = rng.normal(size=shape).astype(np.float32)
        return np.where(rng.random(shape) < share, np.nan, values)

    for _ in range(size):
        steps = int(rng.integers(1, 6))
        yield {
            "x": some(steps),
            "v": some((steps, 2)),
            "n": rng.integers(-3, 4, steps),
            "y": int(rng.integers(0, 3)),
            "age": float(some(())),
            "never": some(steps, 1),
            "left": rng.normal(size=steps),
            "w": 1.0,
            "word": ["a"] * steps,
        }


def test_numbers_are_those_that_numpy_computes(write):
    splits = {"train": list(number_records(np.random.default_rng(3), 40)), "test": []}
    paths = {}
    for split, records in splits.items():
        paths |= write(split, *(encode(NUMBERS, record) for record in records))
    report = examine(paths, to_schema(NUMBERS))
    found = report.splits["train"].numbers
    assert set(found) == {"x", "v", "n", "y", "age", "never"}
    for name, numbers in found.items():
        values = np.concatenate([np.ravel(record[name]) for record in splits["train"]]).astype(np.float64)
        present = values[~np.isnan(values)]
        assert numbers.count == len(present)
        assert numbers.missing == pytest.approx(1 - len(present) / len(values))
        if name == "never":
            assert numbers == NumbersReport(count=0, missing=1)
            continue
        assert (numbers.min, numbers.max) == (present.min(), present.max())
        assert numbers.mean == pytest.approx(present.mean())
        assert numbers.deviation == pytest.approx(present.std())
        # For an even number of values TFDV returns one of the two middle values. It may be off by one position.
        order = np.sort(present)
        middle = len(order) // 2
        assert order[middle - 2] <= numbers.median <= order[middle + 1]
        assert (numbers.histogram[0][0], numbers.histogram[-1][1]) == (present.min(), present.max())
        assert sum(count for _, _, count in numbers.histogram) == pytest.approx(len(present), abs=0.01)
        for low, high, count in numbers.histogram:
            assert (
                ((present > low) & (present < high)).sum() - 2
                <= count
                <= ((present >= low) & (present <= high)).sum() + 2
            )
    assert 0 < found["x"].missing < 1
    assert found["n"].missing == 0
    assert report.splits["test"].numbers == dict.fromkeys(found, NumbersReport(count=0, missing=0))
    assert DataReport.model_validate_json(report.model_dump_json()) == report


def test_infinite_numbers_have_no_mean(write, make_example):
    spec = SequenceSpec(features={"x": Feature(kind="float")})
    records = [make_example({}, {"x": values}) for values in ([1.0, 2.0, 4.0], [math.inf, 3.0])]
    report = examine(write("train", *records), to_schema(spec))
    numbers = report.splits["train"].numbers["x"]
    assert (numbers.count, numbers.missing, numbers.min, numbers.max) == (5, 0, 1, None)
    assert (numbers.mean, numbers.deviation) == (None, None)
    assert all(math.isfinite(end) for low, high, _ in numbers.histogram for end in (low, high))
    assert DataReport.model_validate_json(report.model_dump_json()) == report


def test_what_is_wrong_is_listed_by_split_and_feature(write):
    report = examine(
        {**write("train", *TRAIN), **write("test", ("1", "a", "Z"), ("6", "a b", "X"), ("7", "", ""))}, make_schema()
    )
    found = {(anomaly.split, anomaly.feature, anomaly.severity, anomaly.what) for anomaly in report.anomalies}
    assert found == {
        ("test", "##SEQUENCE##", "ERROR", "Empty sequence"),
        ("test", "id", "ERROR", "Duplicate key"),
        ("test", "tags", "ERROR", "Multiple errors"),
        ("test", "tokens", "ERROR", "Missing values"),
        ("train", "id", "ERROR", "Duplicate key"),
    }
    assert len(report.failures) == 5
    assert (
        "split 'train', feature 'id': 1 of 3 records: '1', record 0 of train.gz: the key '1' is also that of"
        in "\n".join(report.failures)
    )
    assert report.splits["test"].lengths["min"] == 0


def test_record_that_cannot_be_read_does_not_stop_the_rest(write, make_example):
    mixed = make_example({"id": "9"}, {"tokens": [1, 2], "tags": ["X", "Y"]})
    report = examine(write("train", *TRAIN, b"\x0a", mixed), make_schema())
    assert {(anomaly.feature, anomaly.what) for anomaly in report.anomalies} == {
        ("##SEQUENCE##", "Undecodable"),
        ("tokens", "Wrong type"),
    }
    assert report.splits["train"].records == 4


def test_severities_and_the_level_of_failure_are_kept(write):
    splits = write("train", *TRAIN, ("3", "a b", "X"))
    severities = {"duplicate_key": "off", "unequal_lengths": "warning"}
    report = examine(splits, make_schema(), severities=severities)
    assert [(anomaly.severity, anomaly.what) for anomaly in report.anomalies] == [("WARNING", "Unequal lengths")]
    assert report.failures == ()
    assert len(examine(splits, make_schema(), severities=severities, fail_on="warning").failures) == 1
    with pytest.raises(ValueError, match="`severities` names 'duplicates'"):
        examine(splits, make_schema(), severities={"duplicates": "off"})


def test_data_is_compared_with_a_baseline(write):
    usual = compute_statistics(write("before", *TRAIN)["before"], make_schema())
    changed = write("train", *((str(i), "q q q", "X X X") for i in range(9)))
    report = examine(changed, make_schema(), baseline={"train": usual})
    (anomaly,) = report.anomalies
    assert anomaly.what == "High Linfty distance between current and previous"
    assert examine(changed, make_schema(), baseline={"other": usual}).anomalies == ()


def test_schema_of_other_features_is_refused(write, make_example):
    other = make_example({"n": 3}, {"x": [1, 2]})
    message = "the schema has other features than the data: the schema has id, tokens, tags; the data has n, x"
    with pytest.raises(SchemaError, match=message):
        examine(write("train", other), make_schema())


def test_distance_from_the_baseline_is_measured_where_nothing_judges_it(write):
    usual = compute_statistics(write("before", *TRAIN)["before"], make_schema())
    short = write("train", *((str(i), "a", "Y") for i in range(4)))
    report = examine(short, make_schema(), baseline={"train": usual})
    # In the baseline 3 of 5 tokens are a, 1 of 5 tags is Y, and 2 of 3 records have one step.
    assert report.splits["train"].distances == pytest.approx(
        {"tokens": 0.4, "tags": 0.8, "id": 1 / 3, "##SEQUENCE##": 1 / 3}, abs=0.12
    )
    assert report.splits["train"].distances["tags"] == pytest.approx(0.8)


def test_split_without_records_is_an_anomaly(write):
    report = examine(write("train"), make_schema())
    assert [(anomaly.feature, anomaly.what) for anomaly in report.anomalies] == [("", "No records")]
    assert report.splits["train"].lengths["max"] == 0


def features_by_path(statistics):
    return {tuple(feature.path.step): feature for feature in statistics.datasets[0].features}


def test_statistics_are_the_same_when_there_is_much_data(write):
    records = *TRAIN, ("4", "a b b", "X X Y")
    together = compute_statistics(write("train", *records)["train"], make_schema())
    files = [path for record in records for path in write(f"file {record[0]}", record)[f"file {record[0]}"]]
    apart = compute_statistics(files, make_schema(), batch_bytes=0)
    assert features_by_path(together) == features_by_path(apart)


@pytest.mark.parametrize("batch_bytes", [0, 1 << 20])
def test_statistics_of_records_that_disagree_need_a_schema(write, make_example, batch_bytes):
    numbers = make_example({"id": "9"}, {"tokens": [1], "tags": ["X"]})
    paths = write("train", *TRAIN, numbers)["train"]
    with pytest.raises(SchemaError, match="the records do not agree on the types of their features"):
        compute_statistics(paths, None, batch_bytes=batch_bytes)
    assert compute_statistics(paths, make_schema()).datasets[0].num_examples == 3
