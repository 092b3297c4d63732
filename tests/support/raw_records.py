"""What tests of several folders make: raw SequenceExamples, their statistics, Beam's arguments."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Without it, TFX packs itself for every executor, which takes seconds.
    "--sdk_container_image=none",
]


def serialized_example(context: dict[str, Any], lists: dict[str, list[Any]]) -> bytes:
    """A SequenceExample of exactly these values; a value stands for a list with this one value."""
    made = tf.train.SequenceExample()
    for name, values in context.items():
        made.context.feature[name].CopyFrom(_feature(values if isinstance(values, list) else [values]))
    for name, steps in lists.items():
        made.feature_lists.feature_list[name].feature.extend(
            _feature(step if isinstance(step, list) else [step]) for step in steps
        )
    return bytes(made.SerializeToString())


def statistics_of(
    *records: tuple[dict[str, Any], dict[str, list[Any]]],
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """TFDV's statistics of records given as (context, feature lists)."""
    batch = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch([serialized_example(*r) for r in records])
    return stats_impl.generate_statistics_in_memory(batch)


def _feature(values: list[Any]) -> tf.train.Feature:
    message = tf.train.Feature()
    kinds = {str: message.bytes_list, bytes: message.bytes_list, int: message.int64_list, float: message.float_list}
    for value in values:
        kinds[type(value)].value.append(value.encode() if isinstance(value, str) else value)
    return message
