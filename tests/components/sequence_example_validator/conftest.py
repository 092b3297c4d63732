from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

Record = tuple[dict[str, Any], dict[str, list[Any]]]


def feature(values: list[Any]) -> tf.train.Feature:
    message = tf.train.Feature()
    kinds = {str: message.bytes_list, bytes: message.bytes_list, int: message.int64_list, float: message.float_list}
    for value in values:
        kinds[type(value)].value.append(value.encode() if isinstance(value, str) else value)
    return message


def example(context: dict[str, Any], lists: dict[str, list[Any]]) -> bytes:
    """A SequenceExample of exactly these values; a value stands for a list with this one value."""
    made = tf.train.SequenceExample()
    for name, values in context.items():
        made.context.feature[name].CopyFrom(feature(values if isinstance(values, list) else [values]))
    for name, steps in lists.items():
        made.feature_lists.feature_list[name].feature.extend(
            feature(step if isinstance(step, list) else [step]) for step in steps
        )
    return made.SerializeToString()


@pytest.fixture(scope="session")
def make_example() -> Callable[..., bytes]:
    return example


@pytest.fixture(scope="session")
def statistics() -> Callable[..., statistics_pb2.DatasetFeatureStatisticsList]:
    """Statistics of records given as (context, feature lists)."""

    def make(*records: Record) -> statistics_pb2.DatasetFeatureStatisticsList:
        decoder = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##")
        return stats_impl.generate_statistics_in_memory(decoder.DecodeBatch([example(*record) for record in records]))

    return make
