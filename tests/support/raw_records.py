"""Makes raw SequenceExamples and their statistics, for tests of several folders."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Without it, TFX packs itself for every executor, which takes seconds.
    "--sdk_container_image=none",
]


def serialize_example(context: dict[str, Any], lists: dict[str, list[Any]]) -> bytes:
    """Serializes a SequenceExample of exactly these values; a bare value stands for a list of this one value."""
    example = tf.train.SequenceExample()
    for name, values in context.items():
        example.context.feature[name].CopyFrom(_make_feature(values if isinstance(values, list) else [values]))
    for name, steps in lists.items():
        example.feature_lists.feature_list[name].feature.extend(
            _make_feature(step if isinstance(step, list) else [step]) for step in steps
        )
    return bytes(example.SerializeToString())


def compute_statistics(
    *records: tuple[dict[str, Any], dict[str, list[Any]]],
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns TFDV's statistics of records given as (context, feature lists)."""
    batch = SequenceExamplesToRecordBatchDecoder(SEQUENCE).DecodeBatch(
        [serialize_example(*record) for record in records]
    )
    return stats_impl.generate_statistics_in_memory(batch)


def _make_feature(values: list[Any]) -> tf.train.Feature:
    message = tf.train.Feature()
    kinds = {str: message.bytes_list, bytes: message.bytes_list, int: message.int64_list, float: message.float_list}
    for value in values:
        kinds[type(value)].value.append(value.encode() if isinstance(value, str) else value)
    return message
