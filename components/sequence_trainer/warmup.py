"""The requests that TensorFlow Serving runs before a model takes its first real one.

The first call of a signature is slow: tables are filled and functions are optimised. A server that finds requests in
`assets.extra/tf_serving_warmup_requests`, a TFRecord of PredictionLogs, makes these calls while it still serves the
version before.
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfx_sequence.schemas.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
"""Within a SavedModel."""

_LENGTHS = (1, 8, 64)
_BATCHES = (1, 8)

_VALUES: dict[str, Any] = {"string": "", "int64": 0, "float32": 0.0}


def write_warmup(directory: str, spec: SequenceSpec) -> None:
    """Writes requests of `serving_default` into a SavedModel: of one record and of several, shorter and longer ones.

    Args:
      directory: The SavedModel.
      spec: The raw features; those of role `input` are what requests hold. The values are empty, and unseen.
    """
    path = os.path.join(directory, WARMUP_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    inputs = spec.with_role("input")
    encoder = Encoder(SequenceSpec(features=inputs, min_length=0))
    with tf.io.TFRecordWriter(path) as writer:
        for length in _LENGTHS:
            example = encoder.encode({name: _value(feature, length) for name, feature in inputs.items()})
            for batch in _BATCHES:
                writer.write(_request([example] * batch).SerializeToString())


def _request(examples: list[bytes]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "serving_default"
    log.predict_log.request.inputs["examples"].CopyFrom(tf.make_tensor_proto(examples, tf.string))
    return log


def _value(feature: Feature, length: int) -> Any:
    one = _VALUES[feature.dtype] if feature.width is None else [0.0] * feature.width
    return one if feature.context else [one] * length
