import json

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.long_records import RecordCutter
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec

PLAIN = SequenceSpec(features={"x": Feature(kind="integer"), "y": Feature(kind="float", role="label")})
SPEC = SequenceSpec(
    features={
        **PLAIN.features,
        "id": Feature(kind="token", role="key", context=True),
        "parent": Feature(kind="token", role="carried", context=True, source="@parent"),
        "piece": Feature(kind="integer", role="carried", context=True, source="@piece"),
        "overlap": Feature(kind="integer", role="carried", context=True, source="@overlap"),
    }
)


def config(**settings):
    return ReadConfig(format="jsonl", **settings)


def record(length):
    return {"x": list(range(length)), "y": [0.5] * length, "id": "r1"}


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 11))
def test_pieces_put_together_are_the_record(length, size, overlap):
    overlap = min(overlap, size - 1)
    record_encoder = RecordEncoder(SPEC, config(max_length=size, on_long="split", overlap=overlap))
    pieces = [decode(SPEC, data) for data in record_encoder.encode(record(length), "f", 0).pieces]
    joined = []
    for number, piece in enumerate(pieces):
        assert (piece["parent"], piece["id"], piece["piece"]) == ("r1", "r1", number)
        assert piece["overlap"] == (overlap if number else 0)
        assert len(piece["x"]) == len(piece["y"]) <= size
        if number:
            assert piece["x"][: piece["overlap"]] == joined[len(joined) - overlap :]
        joined += piece["x"][piece["overlap"] :]
    assert joined == list(range(length))
    assert all(len(piece["x"]) == size for piece in pieces[:-1])
    assert all(len(piece["x"]) > piece["overlap"] for piece in pieces)


@pytest.mark.parametrize(("length", "want"), [(3, 3), (5, 5), (6, 5), (50, 5)])
def test_truncate_keeps_the_first_steps(length, want):
    encoded = RecordEncoder(PLAIN, config(max_length=5, on_long="truncate")).encode(record(length), "f", 0)
    (data,) = encoded.pieces
    assert decode(PLAIN, data)["x"] == list(range(want))
    assert encoded.is_long == (length > 5)


def test_reject_and_keep_do_as_they_say():
    with pytest.raises(BadRecordError) as error:
        RecordEncoder(PLAIN, config(max_length=5)).encode(record(6), "f", 0)
    assert error.value.reject.reason is Reason.TOO_LONG
    assert len(RecordEncoder(PLAIN, config(max_length=5, on_long="keep")).encode(record(6), "f", 0).pieces) == 1


def test_a_record_without_a_key_is_named_by_its_place():
    spec = SPEC.model_copy(update={"features": {k: v for k, v in SPEC.features.items() if k != "id"}})
    encoded = RecordEncoder(spec, config(max_length=5, on_long="split")).encode(record(6), "/data/a.jsonl", 7)
    assert {decode(spec, data)["parent"] for data in encoded.pieces} == {"a.jsonl:7"}


def test_a_last_piece_that_is_too_short_rejects_the_record():
    spec = SPEC.model_copy(update={"min_length": 3})
    record_encoder = RecordEncoder(spec, config(max_length=5, on_long="split"))
    assert len(record_encoder.encode(record(13), "f", 0).pieces) == 3
    with pytest.raises(BadRecordError, match="too_short"):
        record_encoder.encode(record(12), "f", 0)


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (PLAIN, {"max_length": 5, "on_long": "split"}, "'@overlap' is missing"),
        (
            SPEC.model_copy(update={"max_length": 4}),
            {"max_length": 5, "on_long": "split"},
            "the spec's own `max_length`",
        ),
        ({"p": Feature(kind="integer", source="@piece")}, {}, "in the context"),
        ({"p": Feature(kind="token", context=True, source="@piece")}, {}, "must be one of"),
        ({"p": Feature(kind="token", context=True, source="@file")}, {}, "must be one of"),
    ],
)
def test_the_cutter_refuses_a_spec_that_does_not_fit(spec, settings, message):
    if isinstance(spec, dict):
        spec = SequenceSpec(features={**PLAIN.features, **spec})
    with pytest.raises(ValueError, match=message):
        RecordCutter(spec, config(**settings))


@pytest.mark.parametrize(
    "settings",
    [{"on_long": "split"}, {"max_length": 3, "overlap": 1}, {"max_length": 3, "on_long": "split", "overlap": 3}],
)
def test_settings_refuse_what_makes_no_sense(settings):
    with pytest.raises(ValueError, match=r"max_length|overlap"):
        config(**settings)


@pytest.mark.parametrize("by", ["hash", "index", "stratified"])
def test_pieces_of_one_record_share_a_split_and_are_counted_once(by, run, tmp_path):
    lines = "".join(json.dumps({**record(23), "x": [i] * 23, "id": f"r{i}"}) + "\n" for i in range(40)).encode()
    split = SplitConfig(shares={"train": 1, "eval": 1}, by=by, features=("id",) if by == "stratified" else ())
    read_counts = run({"a": lines}, SPEC, config(max_length=5, on_long="split", overlap=1), split)
    assert (read_counts.counts["records_read"], sum(read_counts.written.values())) == (40, 40 * 6)
    found = {}
    for name in split.shares:
        for path in (tmp_path / f"out/Split-{name}").iterdir():
            for data in tf.data.TFRecordDataset(str(path), "GZIP"):
                found.setdefault(decode(SPEC, data.numpy())["parent"], []).append(name)
    assert len(found) == 40
    assert all(len(names) == 6 and len(set(names)) == 1 for names in found.values())
