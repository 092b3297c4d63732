import json
import random
from collections import Counter

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion import sorted_runs as runs
from tfx_sequence.components.sequence_example_gen.ingestion.placement import find_split_features
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "x": Feature(kind="token"),
        "day": Feature(kind="integer", role="time", context=True),
        "hour": Feature(kind="float", context=True),
        "y": Feature(kind="categorical", role="label", context=True),
    }
)
READ = ReadConfig(format="jsonl")
SHARES = {"train": 8, "eval": 1, "test": 1}


def records(count=200):
    rng = random.Random(5)
    days = rng.sample(range(-(10**18), 10**18), count)
    return [{"x": ["a"], "day": day, "hour": day / 1e17, "y": rng.choice("aaab")} for day in days]


def files(items):
    text = [json.dumps(item) + "\n" for item in items]
    return {"a": "".join(text[:70]).encode(), "b": "".join(text[70:]).encode()}


def read_splits(folder, names):
    return {
        name: [
            decode(SPEC, data.numpy())
            for path in sorted((folder / f"Split-{name}").iterdir())
            for data in tf.data.TFRecordDataset(str(path), "GZIP")
        ]
        for name in names
    }


@pytest.mark.parametrize("features", [(), ("hour",)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_time_split_puts_the_earliest_first(features, shuffle, run, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUN_BYTES", 5000)
    items = records()
    split = SplitConfig(shares=SHARES, by="time", features=features)
    read_counts = run(files(items), SPEC, READ, split, WriteConfig(shuffle=shuffle, num_shards=2))
    found = {name: [record["day"] for record in part] for name, part in read_splits(tmp_path / "out", SHARES).items()}
    days = sorted(item["day"] for item in items)
    assert {name: sorted(part) for name, part in found.items()} == {
        "train": days[:160],
        "eval": days[160:180],
        "test": days[180:],
    }
    assert read_counts.written == {"train": 160, "eval": 20, "test": 20}
    if not shuffle:
        order = [item["day"] for item in items]
        assert all([day for day in order if day in set(part)] == part for part in found.values())


def test_equal_times_stay_in_one_split(run, tmp_path):
    items = [{"x": [str(number)], "day": number // 5, "hour": 0.0, "y": "a"} for number in range(20)]
    run({"a": files(items)["a"]}, SPEC, READ, SplitConfig(shares={"train": 2, "eval": 1}, by="time"))
    found = read_splits(tmp_path / "out", ["train", "eval"])
    days = {name: {record["day"] for record in part} for name, part in found.items()}
    # Two thirds of 20 records end in the third day, which train has begun.
    assert days == {"train": {0, 1, 2}, "eval": {3}}
    assert sum(map(len, found.values())) == 20


def test_stratified_split_gives_each_label_the_shares(run, tmp_path):
    items = records()
    run(files(items), SPEC, READ, SplitConfig(shares={"train": 3, "eval": 1}, by="stratified"))
    counts = Counter(item["y"] for item in items)
    found = read_splits(tmp_path / "out", ["train", "eval"])
    assert sum(map(len, found.values())) == 200
    for name, share in (("train", 0.75), ("eval", 0.25)):
        got = Counter(record["y"] for record in found[name])
        assert all(abs(got[label] - share * counts[label]) < 1 for label in counts)


def test_stratified_split_does_not_depend_on_the_order_of_reading(run, tmp_path):
    items = records()
    split = SplitConfig(shares=SHARES, by="stratified")
    run(files(items), SPEC, READ, split, output="one")
    run(
        {"z": b"".join(reversed([json.dumps(item).encode() + b"\n" for item in items]))},
        SPEC,
        READ,
        split,
        output="two",
    )
    assert read_splits(tmp_path / "one", SHARES) == read_splits(tmp_path / "two", SHARES)


@pytest.mark.parametrize(
    ("split", "drop", "message"),
    [
        ({"by": "time"}, "day", "of role 'time' or named in `features`; there is none"),
        ({"by": "time", "features": ("y",)}, None, "integer or float"),
        ({"by": "stratified", "features": ("x",)}, None, "needs context features"),
        ({"by": "stratified"}, "y", "of role 'label'"),
        ({"features": ("user",)}, None, "names 'user'"),
    ],
)
def test_a_split_that_the_spec_has_no_features_for_is_refused(split, drop, message):
    features = {name: feature for name, feature in SPEC.features.items() if name != drop}
    with pytest.raises(ValueError, match=message):
        find_split_features(SequenceSpec(features=features), SplitConfig(**split))


@pytest.mark.parametrize("split", [{"by": "index", "features": ("y",)}, {"by": "time", "features": ("y", "day")}])
def test_a_split_that_makes_no_sense_is_refused(split):
    with pytest.raises(ValueError, match="features"):
        SplitConfig(**split)
