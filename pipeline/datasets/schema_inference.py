"""Infers a schema from TFRecord files of SequenceExamples, for the commands that work without a pipeline."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.dataset import TRAIN
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2


def infer_schema_of_files(
    splits: Mapping[str, list[str]], spec: SequenceSpec | None, open_features: Collection[str] = ()
) -> tuple[schema_pb2.Schema, dict[str, statistics_pb2.DatasetFeatureStatisticsList]]:
    """Infers a schema from the split train, or from all splits if there is no train.

    Args:
      splits: Split name to TFRecord files.
      spec: The features of a record, or None if they are not known.
      open_features: Categorical features that may have values that train does not have.

    Returns:
      The schema. Second, split name to the statistics of the splits from which the schema was inferred.

    Raises:
      CommandError: if no record can be read.
      SchemaError: if the records contradict one another or the spec.
    """
    from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
    from tfx_sequence.components.sequence_schema_gen import infer_schema

    chosen_splits = {TRAIN: splits[TRAIN]} if TRAIN in splits else splits
    try:
        statistics = {split: compute_statistics(paths, None) for split, paths in chosen_splits.items()}
    except SchemaError as error:
        if spec:
            raise
        raise SchemaError(f"{error}. {_describe_mixed_types(chosen_splits)}") from error
    num_records = sum(data.num_examples for split in statistics.values() for data in split.datasets)
    if num_records == 0:
        raise CommandError(f"there is no record to make a schema from{_describe_damage(chosen_splits)}")
    spec = spec or _infer_spec(infer_schema(statistics), statistics)
    return infer_schema(statistics, spec, open_features=open_features), statistics


def _describe_damage(splits: Mapping[str, list[str]]) -> str:
    """Returns a text about the first damaged file, or an empty text if no file is damaged."""
    from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches

    for path in itertools.chain.from_iterable(splits.values()):
        try:
            next(read_batches(path), None)
        except BadRecordError as error:
            return f": {path}: {error.reject.message}; is it a TFRecord file?"
    return ""


def _describe_mixed_types(splits: Mapping[str, list[str]]) -> str:
    """Returns a text about the features that have values of several types."""
    from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect

    types_by_feature: dict[str, set[str]] = {}
    for path in itertools.chain.from_iterable(splits.values()):
        # `first=0`, because the records themselves are not needed.
        for feature in inspect(path, first=0).features:
            types_by_feature.setdefault(feature.name, set()).update(feature.dtypes)
    descriptions = []
    for name, types in types_by_feature.items():
        if len(types) > 1:
            descriptions.append(f"`{name}` holds {' and '.join(sorted(types))}")
    return "; ".join(descriptions)


def _infer_spec(
    schema: schema_pb2.Schema, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> SequenceSpec:
    """Returns the spec of a schema, with properties of features that follow from the data.

    A string of the context that differs in each record, such as a name, gets the role `carried`. As an input, it would
    make all records different, and repeated records could not be found. A number that is NaN in some records may be
    missing.
    """
    spec = from_schema(schema)
    datasets = [data for split in statistics.values() for data in split.datasets]
    features = {}
    for name, feature in spec.features.items():
        is_context_text = feature.context and feature.dtype == "string"
        if is_context_text and all(_is_different_in_each_record(data, name) for data in datasets):
            feature = feature.model_copy(update={"role": "carried"})
        if feature.can_be_missing and any(_has_nan(data, name) for data in datasets):
            feature = feature.model_copy(update={"missing": True})
        features[name] = feature
    return spec.model_copy(update={"features": features})


def _is_different_in_each_record(data: statistics_pb2.DatasetFeatureStatistics, name: str) -> bool:
    """Returns whether there are several records and no two of them have the same value of a context feature."""
    for proto in data.features:
        if list(proto.path.step) == [name]:
            return bool(data.num_examples > 1 and proto.string_stats.unique == data.num_examples)
    return False


def _has_nan(data: statistics_pb2.DatasetFeatureStatistics, name: str) -> bool:
    from tfx_sequence.components.sequence_example_validator.examination.number_reports import count_missing

    return any(count_missing(proto.num_stats) for proto in data.features if proto.path.step[-1] == name)
