"""Writes warm-up requests, which TensorFlow Serving sends to a model before the first real request.

The first call of a signature is slow, because tables are filled and functions are optimised. The server reads warm-up
requests from `assets.extra/tf_serving_warmup_requests`, a TFRecord file of PredictionLogs. It sends them to the new
version of a model while it still serves the previous version.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfx_sequence.schemas.contract import EXAMPLES_INPUT, SERVING_DEFAULT

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
"""The path within a SavedModel at which TensorFlow Serving looks for warm-up requests."""

# TensorFlow chooses kernels by the size of the input. These are sequences of a single step, of a few steps and of more
# steps, each as a single record and in a small batch.
_LENGTHS = (1, 8, 64)
_BATCH_SIZES = (1, 8)


def write_warmup(directory: str, make_example: Callable[[int], bytes]) -> None:
    """Writes requests to the signature `serving_default` into a SavedModel.

    Args:
      directory: The folder of the SavedModel.
      make_example: Makes a serialized record with a given number of steps.
    """
    path = os.path.join(directory, WARMUP_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for length in _LENGTHS:
            example = make_example(length)
            for batch_size in _BATCH_SIZES:
                writer.write(_make_request([example] * batch_size).SerializeToString())


def _make_request(examples: list[bytes]) -> prediction_log_pb2.PredictionLog:
    """Makes the request for a batch of serialized records."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = SERVING_DEFAULT
    log.predict_log.request.inputs[EXAMPLES_INPUT].CopyFrom(tf.make_tensor_proto(examples, tf.string))
    return log
