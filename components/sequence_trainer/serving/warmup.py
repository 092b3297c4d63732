"""Writes the requests that TensorFlow Serving runs before a model answers its first real one.

The first call of a signature is slow: tables are filled and functions are optimised. A server that finds requests in
`assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLogs, makes these calls while it still serves the
version before.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfx_sequence.schemas.contract import EXAMPLES_INPUT, SERVING_DEFAULT

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
"""The path within a SavedModel. TensorFlow Serving looks for this name."""

# A single step, a short and a longer sequence, each alone and in a small batch: kernels are chosen by such sizes.
_LENGTHS = (1, 8, 64)
_BATCH_SIZES = (1, 8)


def write_warmup(directory: str, make_example: Callable[[int], bytes]) -> None:
    """Writes requests of `serving_default` into a SavedModel.

    Args:
      directory: The SavedModel.
      make_example: Makes a serialized record of so many steps.
    """
    path = os.path.join(directory, WARMUP_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for length in _LENGTHS:
            example = make_example(length)
            for size in _BATCH_SIZES:
                writer.write(_make_request([example] * size).SerializeToString())


def _make_request(examples: list[bytes]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = SERVING_DEFAULT
    log.predict_log.request.inputs[EXAMPLES_INPUT].CopyFrom(tf.make_tensor_proto(examples, tf.string))
    return log
