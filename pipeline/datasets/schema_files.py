"""Schemas as files: read, written, and inferred where there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from google.protobuf import text_format

from tfx_sequence.pipeline.datasets.dataset import TRAIN
from tfx_sequence.pipeline.datasets.text_report import describe
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.pipeline.terminal.tables import console_on, grid
from tfx_sequence.schemas.contract import SCHEMA_FILE
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema, read_domain

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

_SHOWN = 8


def read_schema(path: str) -> schema_pb2.Schema:
    """Reads a `schema.pbtxt`, or that of the folder of a Schema artifact, and sees that it is one of sequences.

    Raises:
      CommandError: if there is no such file.
      SchemaError: if it is not the text of a schema, is cut off, is of a newer version, or is not one of sequences.
    """
    file = os.path.join(path, SCHEMA_FILE) if os.path.isdir(path) else path
    try:
        with open(file, "rb") as stream:
            text = stream.read()
    except OSError as error:
        raise CommandError(f"the schema {file} cannot be read: {error.strerror}") from None
    schema = parse_schema(text, file)
    try:
        from_schema(schema)
    except SchemaError as error:
        raise SchemaError(f"{file}: {error}") from None
    return schema


def infer(
    splits: Mapping[str, list[str]], spec: SequenceSpec | None
) -> tuple[schema_pb2.Schema, dict[str, statistics_pb2.DatasetFeatureStatisticsList]]:
    """A schema of train, or of all splits if there is no train; and the statistics of the splits that it is of.

    Args:
      splits: Split name to TFRecord files.
      spec: What a record is, if that is known.

    Raises:
      CommandError: if no record can be read.
      SchemaError: if the records do not agree on what they are, or are not what the spec says.
    """
    from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
    from tfx_sequence.components.sequence_schema_gen import infer_schema

    counted = {TRAIN: splits[TRAIN]} if TRAIN in splits else splits
    try:
        statistics = {split: compute_statistics(paths, None) for split, paths in counted.items()}
    except SchemaError as error:
        if spec:
            raise
        raise SchemaError(f"{error}. {_mixed_types(counted)}") from error
    if not any(data.num_examples for split in statistics.values() for data in split.datasets):
        raise CommandError(f"there is no record to make a schema from{_damage(counted)}")
    spec = spec or _from_data(infer_schema(statistics), statistics)
    return infer_schema(statistics, spec), statistics


def _damage(splits: Mapping[str, list[str]]) -> str:
    """The first thing that is wrong with files of which nothing can be read."""
    from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches

    for path in (path for paths in splits.values() for path in paths):
        try:
            next(read_batches(path), None)
        except BadRecordError as error:
            return f": {path}: {error.reject.message}; is it a TFRecord file?"
    return ""


def _mixed_types(splits: Mapping[str, list[str]]) -> str:
    """Which features are of several types."""
    from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect

    types: dict[str, set[str]] = {}
    for path in (path for paths in splits.values() for path in paths):
        for feature in inspect(path, first=0).features:
            types.setdefault(feature.name, set()).update(feature.dtypes)
    mixed = (f"`{name}` holds {' and '.join(sorted(found))}" for name, found in types.items() if len(found) > 1)
    return "; ".join(mixed)


def _from_data(
    schema: schema_pb2.Schema, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> SequenceSpec:
    """The spec of a schema, and what only the data says of it.

    Names of records, which are all different, are carried along, not used: otherwise no record would be the same as
    another one. And numbers may be missing where some are NaN.
    """
    spec = from_schema(schema)
    seen = [data for split in statistics.values() for data in split.datasets]
    features = {}
    for name, feature in spec.features.items():
        if feature.context and feature.dtype == "string" and all(_all_different(data, name) for data in seen):
            feature = feature.model_copy(update={"role": "carried"})
        if feature.can_be_missing and any(_has_nan(data, name) for data in seen):
            feature = feature.model_copy(update={"missing": True})
        features[name] = feature
    return spec.model_copy(update={"features": features})


def _all_different(data: statistics_pb2.DatasetFeatureStatistics, name: str) -> bool:
    unique = next((proto.string_stats.unique for proto in data.features if list(proto.path.step) == [name]), 0)
    return unique == data.num_examples > 1


def _has_nan(data: statistics_pb2.DatasetFeatureStatistics, name: str) -> bool:
    from tfx_sequence.components.sequence_example_validator.examination.number_reports import count_missing

    return any(count_missing(proto.num_stats) for proto in data.features if proto.path.step[-1] == name)


def write_schema(schema: schema_pb2.Schema, path: str | None, stream: TextIO) -> None:
    """Writes a schema as text to a file, or to a stream.

    Raises:
      CommandError: if the file cannot be written.
    """
    text = text_format.MessageToString(schema)
    if path is None:
        stream.write(text)
    else:
        write_text(path, text)


def check_folder(path: str) -> None:
    """Sees that a file can be made, before work that takes long.

    Raises:
      CommandError: if its folder does not exist.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise CommandError(f"{path} cannot be written: there is no folder {folder}")


def write_text(path: str, text: str) -> None:
    """Writes a file.

    Raises:
      CommandError: if it cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def print_schema(schema: schema_pb2.Schema, stream: TextIO) -> None:
    """Writes what a schema says, feature by feature."""
    spec = from_schema(schema)
    console = console_on(stream)
    most = "or more" if spec.max_length is None else f"to {spec.max_length:,}"
    console.print(f"records of {spec.min_length:,} {most} steps")
    for what, distance in (("the baseline", spec.length_drift), ("serving", spec.length_skew)):
        if distance is not None:
            console.print(f"lengths at most {distance:g} from those of {what}")
    rows = []
    for proto in list_feature_protos(schema):
        feature = spec.features.get(proto.name)
        rows.append([proto.name, *(_cells(schema, proto, feature) if feature else ["as TFDV has it", "", "", ""])])
    console.print()
    console.print(grid(["feature", "kind, role", "values", "drift", "skew"], rows, numbers=False))


def _cells(schema: schema_pb2.Schema, proto: schema_pb2.Feature, feature: Feature) -> list[str]:
    distances = ["" if distance is None else f"{distance:g}" for distance in (feature.drift, feature.skew)]
    return [describe(feature), _values(schema, proto), *distances]


def _values(schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> str:
    """What values a feature may have, if not any."""
    values = read_domain(schema, proto)
    if values is not None:
        more = ", ..." if len(values) > _SHOWN else ""
        return f"{len(values):,}: {', '.join(map(repr, values[:_SHOWN]))}{more}"
    for domain in (proto.int_domain, proto.float_domain):
        if domain.HasField("min") or domain.HasField("max"):
            low, high = (f"{getattr(domain, end):g}" if domain.HasField(end) else "" for end in ("min", "max"))
            return f"{low} .. {high}"
    return ""
