"""The same sentences as SequenceExamples and as flat tf.Examples, and what users of either write."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform import compute_and_apply_ids, drop_value_dimension
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "vector": Feature(kind="vector", width=2, context=True),
    },
    min_length=0,
)

_RECORDS = {
    "train": [
        (["cat", "dog", "cat"], ["N", "N", "N"], "a", [0.5, 1.5]),
        (["runs"], ["V"], "b", [0.0, 1.0]),
        ([], [], "a", [2.0, -1.0]),
        (["cat", "runs"], ["N", "V"], "a", [-1.0, 3.0]),
    ],
    "eval": [
        (["dog", "new", ""], ["N", "V", "V"], "b", [1.0, 1.0]),
        (["runs"] * 5, ["V"] * 5, "a", [0.0, 0.0]),
    ],
}
RECORDS = {split: [dict(zip(SPEC.features, row, strict=True)) for row in rows] for split, rows in _RECORDS.items()}
"""Some words of `eval` are not in `train`."""


def flat(record):
    """A tf.Example, as somebody writes it who never saw a SequenceExample."""
    out = tf.train.Example()
    for name, given in record.items():
        values = [given] if isinstance(given, str) else given
        if name == "vector":
            out.features.feature[name].float_list.value.extend(values)
        else:
            out.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
    return out.SerializeToString()


SCHEMA = """
feature { name: "words" type: BYTES }
feature { name: "tags" type: BYTES }
feature { name: "intent" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "vector" type: FLOAT presence { min_fraction: 1 } shape { dim { size: 2 } } }
"""
"""Of these tf.Examples, as stock SchemaGen writes it: no roles."""


def stock_ids(inputs):
    """Ids from 0: unseen words have a bucket, unseen tags and intents -1."""
    return {
        "words": tft.compute_and_apply_vocabulary(inputs["words"], vocab_filename="words", num_oov_buckets=1),
        "tags": tft.compute_and_apply_vocabulary(inputs["tags"], vocab_filename="tags"),
        "intent": tft.compute_and_apply_vocabulary(inputs["intent"], vocab_filename="intent"),
        "vector": inputs["vector"],
    }


def stock_ids_without_buckets(inputs):
    """As `stock_ids`, but unseen words have the id -1 too."""
    words = tft.compute_and_apply_vocabulary(inputs["words"], vocab_filename="words")
    return {**stock_ids(inputs), "words": words}


def our_ids(inputs):
    """Ids from 1, by the helpers, of flat records or of SequenceExamples."""
    out = {"vector": inputs["vector"], "intent": compute_and_apply_ids(inputs["intent"], "intent", closed=True)}
    for name in ("words", "tags"):
        x = inputs[name]
        ragged = tf.RaggedTensor.from_sparse(x) if isinstance(x, tf.SparseTensor) else drop_value_dimension(x, name)
        out[name] = ragged.with_values(compute_and_apply_ids(ragged.values, name, closed=name == "tags"))
    return out
