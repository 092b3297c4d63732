"""Padded requests whose tensors do not fit together are refused by an exported model, by the name of the feature."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.serving.example_requests import ExampleRequests
from tfx_sequence.components.sequence_trainer.serving.request_decoder import RequestDecoder
from tfx_sequence.components.sequence_trainer.serving.sequence_requests import SequenceRequests
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "parts": Feature(kind="token", nested=True),
        "shape": Feature(kind="vector", width=2),
        "topic": Feature(kind="categorical", context=True),
        "place": Feature(kind="vector", width=2, context=True),
    },
    min_length=0,
)
COUNTS = get_counts_key("parts")
EXAMPLE_FEATURES = {
    "words": tf.io.VarLenFeature(tf.string),
    "sizes": tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64),
    "place": tf.io.FixedLenFeature([2], tf.float32),
}


def _make_request(num_records: int = 2, num_steps: int = 3) -> dict[str, tf.Tensor]:
    """A request for records of 3 steps and of 1 step."""
    steps = [num_records, num_steps]
    return {
        "words": tf.fill(steps, "a"),
        "parts": tf.fill([*steps, 2], "b"),
        COUNTS: tf.fill(steps, tf.constant(2, tf.int64)),
        "shape": tf.zeros([*steps, 2]),
        "sizes": tf.zeros(steps),
        "topic": tf.fill([num_records], "c"),
        "place": tf.zeros([num_records, 2]),
        LENGTHS: tf.constant([3, 1], tf.int64),
    }


def _serve(requests: RequestDecoder, folder: Path) -> Any:
    """Exports the decoder as a signature that returns the number of all values, as a model would read them."""

    def decode(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = requests.decode_padded(features)
        flat = {name: getattr(value, "flat_values", getattr(value, "values", value)) for name, value in raw.items()}
        return {name: tf.size(value) for name, value in flat.items()}

    module = tf.Module()
    signature = tf.function(decode).get_concrete_function(requests.make_padded_specs())
    tf.saved_model.save(module, str(folder), signatures={"serve": signature})
    module = tf.saved_model.load(str(folder))

    def ask(**changed: Any) -> dict[str, int]:
        request = {**_make_request(), **changed}
        arguments = {name: request[name] for name in requests.make_padded_specs()}
        return {name: int(value) for name, value in module.signatures["serve"](**arguments).items()}

    return ask


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return _serve(SequenceRequests(SPEC, [], lambda raw: raw, SPEC.features), tmp_path_factory.mktemp("sequences"))


@pytest.fixture(scope="module")
def ask_flat(tmp_path_factory: pytest.TempPathFactory) -> Any:
    requests = ExampleRequests(EXAMPLE_FEATURES, lambda raw: raw, EXAMPLE_FEATURES, EXAMPLE_FEATURES)
    return _serve(requests, tmp_path_factory.mktemp("examples"))


def test_request_whose_tensors_fit_is_answered_however_far_it_is_padded(ask: Any, ask_flat: Any) -> None:
    for num_steps in (3, 5):
        request = _make_request(num_steps=num_steps)
        assert ask(**request) == {"words": 4, "parts": 8, "shape": 8, "topic": 2, "place": 4}
        assert ask_flat(**request) == {"words": 4, "sizes": 4, "place": 4}
    nobody = {name: value[:0] for name, value in _make_request().items()}
    assert set(ask(**nobody).values()) == {0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("words", tf.fill([1, 3], "a")),
        ("words", tf.fill([3, 3], "a")),
        ("words", tf.fill([2, 2], "a")),
        ("words", tf.fill([6], "a")),
        ("words", tf.fill([2, 3, 1], "a")),
        ("parts", tf.fill([3, 3, 2], "b")),
        ("parts", tf.fill([2, 2, 2], "b")),
        (COUNTS, tf.fill([1, 3], tf.constant(2, tf.int64))),
        (COUNTS, tf.fill([2, 2], tf.constant(2, tf.int64))),
        (COUNTS, tf.fill([2, 3], tf.constant(3, tf.int64))),
        (COUNTS, tf.fill([2, 3], tf.constant(-1, tf.int64))),
        ("shape", tf.zeros([2, 3, 4])),
        ("shape", tf.zeros([2, 3, 1])),
        ("shape", tf.zeros([2, 6])),
        ("topic", tf.fill([3], "c")),
        ("topic", tf.fill([2, 1], "c")),
        ("place", tf.zeros([1, 2])),
        ("place", tf.zeros([1, 4])),
        ("place", tf.zeros([2, 4])),
        (LENGTHS, tf.constant([3, -1], tf.int64)),
        (LENGTHS, tf.constant([[3, 1]], tf.int64)),
    ],
    ids=lambda part: part if isinstance(part, str) else "x".join(map(str, part.shape)),
)
def test_request_is_refused_by_name_when_a_tensor_does_not_fit(ask: Any, name: str, value: tf.Tensor) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` has "):
        ask(**{name: value})


def test_request_is_refused_when_there_are_lengths_for_fewer_records(ask: Any, ask_flat: Any) -> None:
    for lengths in ([3], [3, 1, 1], []):
        for serve in (ask, ask_flat):
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"`\w+.*` has the shape.*`lengths`"):
                serve(lengths=tf.constant(lengths, tf.int64))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("words", tf.fill([2, 2], "a")),
        ("sizes", tf.zeros([3, 3])),
        ("place", tf.zeros([4, 1])),
        (LENGTHS, tf.constant([-3, 1], tf.int64)),
    ],
    ids=["words", "sizes", "place", LENGTHS],
)
def test_request_to_a_model_of_tf_examples_is_refused_as_well(ask_flat: Any, name: str, value: tf.Tensor) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"`{name}` has "):
        ask_flat(**{name: value})
