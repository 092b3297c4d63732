import hashlib
from collections import Counter

import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion.placement import RecordPlacer
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import KEY_SIZE
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "user": Feature(kind="token", context=True),
        "day": Feature(kind="integer", context=True),
    }
)
RECORDS = [{"tokens": [f"w{i}"], "user": f"u{i % 50}", "day": i % 3} for i in range(3000)]
SHARES = {"train": 8, "eval": 1, "test": 1}


def places(split, write=None, records=RECORDS):
    record_encoder = RecordEncoder(SPEC, ReadConfig(format="jsonl"))
    placer = RecordPlacer(SPEC, split, write or WriteConfig(), record_encoder.input_encoder)
    encoded = (record_encoder.encode(record, "file", i) for i, record in enumerate(records))
    return [place for item in encoded for place, _ in placer.place_pieces(item, 0)]


def test_hash_split_is_sha256_of_the_content_modulo_the_shares():
    for record, place in zip(RECORDS, places(SplitConfig(shares=SHARES)), strict=True):
        bucket = int(hashlib.sha256(Encoder(SPEC).encode(record)).hexdigest(), 16) % 10
        assert place.split == ("train" if bucket < 8 else "eval" if bucket == 8 else "test")


def test_hash_split_gives_about_the_shares():
    counts = Counter(place.split for place in places(SplitConfig(shares=SHARES)))
    assert counts["train"] == pytest.approx(2400, abs=100)
    assert counts["eval"] == pytest.approx(300, abs=70)


def test_index_split_is_the_one_of_the_literature():
    split = [place.split for place in places(SplitConfig(shares=SHARES, by="index"))]
    assert split[:10] == ["train"] * 8 + ["eval", "test"]
    assert split == split[:10] * 300


@pytest.mark.parametrize("features", [("user",), ("user", "day"), ("tokens",)])
def test_records_of_equal_features_share_a_split(features):
    found = {}
    for record, place in zip(RECORDS, places(SplitConfig(shares=SHARES, features=features)), strict=True):
        found.setdefault(tuple(map(str, (record[name] for name in features))), set()).add(place.split)
    assert all(len(splits) == 1 for splits in found.values())
    assert len({split for splits in found.values() for split in splits}) == 3


def test_shards_are_even_whatever_the_splits():
    shares = {"train": 1, "eval": 1}
    counts = Counter((p.split, p.group) for p in places(SplitConfig(shares=shares), WriteConfig(num_shards=2)))
    assert len(counts) == 4
    assert all(count == pytest.approx(750, abs=120) for count in counts.values())


def test_keys_keep_the_order_of_reading_when_not_shuffled():
    ordered = places(SplitConfig(), WriteConfig(shuffle=False, num_shards=4))
    assert [place.key for place in ordered] == sorted(place.key for place in ordered)
    assert {place.group for place in ordered} == {0}
    assert {len(place.key) for place in ordered + places(SplitConfig())} == {KEY_SIZE}
