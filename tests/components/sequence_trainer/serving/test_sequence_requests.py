"""Requests of SequenceExamples: padded sequences are decoded to what the serialized ones are decoded to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.config.checks import find_unserved_inputs
from tfx_sequence.components.sequence_trainer.serving.sequence_requests import SequenceRequests
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.records.examples import decode, encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "parts": Feature(kind="token", nested=True),
        "shape": Feature(kind="vector", width=2),
        "topic": Feature(kind="categorical", context=True),
    },
    min_length=0,
)


def _requests(spec: SequenceSpec, labels: Iterable[str] = ()) -> SequenceRequests:
    """Makes requests to a transform that leaves everything as it is."""
    return SequenceRequests(spec, labels, lambda raw: raw, spec.features)


REQUESTS = _requests(SPEC)

TEXT = st.sampled_from(["", "a", "ğ"])
STEP = st.tuples(TEXT, st.lists(TEXT, max_size=3), st.lists(st.sampled_from([0.0, 1.5]), min_size=2, max_size=2))


def _record(steps: list[tuple[Any, ...]], topic: str) -> dict[str, Any]:
    words, parts, shape = map(list, zip(*steps, strict=True)) if steps else ([], [], [])
    return {"words": words, "parts": parts, "shape": shape, "topic": topic}


RECORDS = st.lists(st.builds(_record, st.lists(STEP, max_size=3), TEXT), min_size=1, max_size=3)


def _padded(records: list[dict[str, Any]]) -> dict[str, tf.Tensor]:
    """To one step and one value more than there are, with what is no value of the data."""
    size, steps = len(records), 1 + max(len(record["words"]) for record in records)
    words, parts = np.full([size, steps], "PAD", object), np.full([size, steps, 4], "PAD", object)
    shape, counts = np.full([size, steps, 2], np.nan, np.float32), np.full([size, steps], 9)
    for row, record in enumerate(records):
        for step, (word, values, vector) in enumerate(
            zip(record["words"], record["parts"], record["shape"], strict=True)
        ):
            words[row, step], shape[row, step], counts[row, step] = word, vector, len(values)
            parts[row, step, : len(values)] = values
    return {
        "words": tf.constant(words, tf.string),
        "parts": tf.constant(parts, tf.string),
        get_counts_key("parts"): tf.constant(counts, tf.int64),
        "shape": tf.constant(shape),
        "topic": tf.constant([record["topic"] for record in records]),
        LENGTHS: tf.constant([len(record["words"]) for record in records], tf.int64),
    }


@given(RECORDS)
@settings(max_examples=40)
def test_padded_sequences_are_decoded_as_the_serialized_ones(records: list[dict[str, Any]]) -> None:
    padded = _padded(records)
    assert padded.keys() == REQUESTS.make_padded_specs().keys()
    assert all(spec.is_compatible_with(padded[name]) for name, spec in REQUESTS.make_padded_specs().items())
    expected = REQUESTS.decode_inputs(tf.constant([encode(SPEC, record) for record in records]))
    found = REQUESTS.decode_padded(padded)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        got = found[name]
        assert got.to_list() == value.to_list() if isinstance(value, tf.RaggedTensor) else (got == value).numpy().all()


@pytest.mark.parametrize("in_graph", [False, True])
def test_sequences_that_do_not_go_together_are_refused_by_name(in_graph: bool) -> None:
    decode_padded, decode_inputs = (
        tf.function(f) if in_graph else f for f in (REQUESTS.decode_padded, REQUESTS.decode_inputs)
    )
    good = _padded([_record([("a", ["b"], [0.0, 0.0])] * 2, "t"), _record([("a", ["b"], [0.0, 0.0])], "t")])
    decode_padded(good)
    for name in ("words", "shape"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` has the shape"):
            decode_padded({**good, name: good[name][:, :1]})
    other = SequenceSpec(features={**SPEC.features, "words": Feature(kind="token", context=True)}, min_length=0)
    few = tf.train.SequenceExample.FromString(encode(other, {**_record([("a", [], [1.0, 2.0])], "t"), "words": "x"}))
    few.feature_lists.feature_list["words"].SetInParent()
    with pytest.raises(tf.errors.InvalidArgumentError, match="`words` does not have as many steps as `parts`"):
        decode_inputs(tf.constant([few.SerializeToString()]))


def test_requests_need_no_input_when_nothing_is_made_of_it() -> None:
    spec = SequenceSpec(
        features={
            **SPEC.features,
            "name": Feature(kind="token", context=True),
            "size": Feature(kind="float"),
            "y": Feature(kind="categorical", role="label", context=True),
        }
    )

    def transform(raw: dict[str, Any]) -> dict[str, Any]:
        made = {name: raw[name] for name in ("words", "topic", "y") if name in raw}
        return {**made, "shapes": raw["shape"]} if "shape" in raw else made

    requests = SequenceRequests(spec, ["y"], transform, ["words", "topic", "shapes", "y"])
    assert set(requests.make_padded_specs()) == {"words", "shape", "topic", LENGTHS}
    assert decode(spec.model_copy(update={"features": {"words": spec.features["words"]}}), requests.make_example(1))
    record = {**_record([("a", ["b"], [1.0, 2.0])], "t"), "y": "yes", "name": "n", "size": [1.0]}
    assert set(requests.decode_all(tf.constant([encode(spec, record)]))) == {"words", "shape", "topic", "y"}


def test_decode_labels_reads_the_labels_alone_when_no_label_is_made_of_inputs() -> None:
    spec = SequenceSpec(features={**SPEC.features, "y": Feature(kind="categorical", role="label", context=True)})
    record = {**_record([("a", ["b"], [1.0, 2.0])], "t"), "y": "yes"}
    labels = _requests(spec, ["y"]).decode_labels(tf.constant([encode(spec, record)]))
    assert {name: value.numpy().tolist() for name, value in labels.items()} == {"y": [b"yes"]}


def test_make_example_has_the_length_that_is_asked_for() -> None:
    record = decode(SPEC, REQUESTS.make_example(3))
    assert record["words"] == ["", "", ""]
    assert record["parts"] == [[""], [""], [""]]
    assert record["shape"].shape == (3, 2)


@pytest.mark.parametrize("name", ["x", "seq.in", "my-words", "2", ".x", "größe", "_x", "x:y", "a,b", "é"])
def test_inputs_are_refused_when_tensorflow_cannot_serve_them_and_only_then(name: str, tmp_path: Path) -> None:
    spec = SequenceSpec(features={name: Feature(kind="token")})
    requests = _requests(spec)
    module = tf.Module()
    lengths = tf.function(lambda features: {"lengths": requests.decode_padded(features)[name].row_lengths()})
    try:
        signature = lengths.get_concrete_function(requests.make_padded_specs())
        tf.saved_model.save(module, str(tmp_path), signatures={"serve_sequences": signature})
        served = True
    except ValueError:
        served = False
    assert find_unserved_inputs([name]) == ([] if served else [name])
