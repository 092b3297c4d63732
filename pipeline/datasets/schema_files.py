"""Reads, writes and prints schema files, and infers a schema from data."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from google.protobuf import text_format

from tfx_sequence.pipeline.datasets.dataset import TRAIN
from tfx_sequence.pipeline.datasets.text_report import describe_feature
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.pipeline.terminal.tables import make_console, make_table
from tfx_sequence.schemas.contract import SCHEMA_FILE
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema, read_domain

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

_MAX_VALUES = 8
"""The maximum number of values of a domain that are printed. A few values show what kind of values the domain has."""


def read_schema(path: str) -> schema_pb2.Schema:
    """Reads a schema, and checks that it describes sequences.

    Args:
      path: The path of a `schema.pbtxt`, or of the folder of a Schema artifact, which has such a file.

    Raises:
      CommandError: if the file does not exist or cannot be read.
      SchemaError: if the file is not the text of a schema, is cut off, was written by a newer version of this package,
        or does not describe sequences.
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


def infer_schema_of_files(
    splits: Mapping[str, list[str]], spec: SequenceSpec | None
) -> tuple[schema_pb2.Schema, dict[str, statistics_pb2.DatasetFeatureStatisticsList]]:
    """Infers a schema from the split train, or from all splits if there is no train.

    Args:
      splits: Split name to TFRecord files.
      spec: The features of a record, or None if they are not known.

    Returns:
      The schema. Second, split name to the statistics of the splits from which the schema was inferred.

    Raises:
      CommandError: if no record can be read.
      SchemaError: if the records contradict one another or the spec.
    """
    from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
    from tfx_sequence.components.sequence_schema_gen import infer_schema

    used = {TRAIN: splits[TRAIN]} if TRAIN in splits else splits
    try:
        statistics = {split: compute_statistics(paths, None) for split, paths in used.items()}
    except SchemaError as error:
        if spec:
            raise
        raise SchemaError(f"{error}. {_describe_mixed_types(used)}") from error
    num_records = sum(data.num_examples for split in statistics.values() for data in split.datasets)
    if num_records == 0:
        raise CommandError(f"there is no record to make a schema from{_describe_damage(used)}")
    spec = spec or _infer_spec(infer_schema(statistics), statistics)
    return infer_schema(statistics, spec), statistics


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
    mixed = []
    for name, types in types_by_feature.items():
        if len(types) > 1:
            mixed.append(f"`{name}` holds {' and '.join(sorted(types))}")
    return "; ".join(mixed)


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


def write_schema(schema: schema_pb2.Schema, path: str | None, stream: TextIO) -> None:
    """Writes a schema as text, to the file at `path`, or to `stream` if `path` is None.

    Raises:
      CommandError: if the file cannot be written.
    """
    text = text_format.MessageToString(schema)
    if path is None:
        stream.write(text)
    else:
        write_text(path, text)


def check_folder(path: str) -> None:
    """Checks that the folder of a file exists. It is called before work that takes long, whose result would be lost.

    Raises:
      CommandError: if the folder of the file does not exist.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise CommandError(f"{path} cannot be written: there is no folder {folder}")


def write_text(path: str, text: str) -> None:
    """Writes a text to a file as UTF-8.

    Raises:
      CommandError: if the file cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def print_schema(schema: schema_pb2.Schema, stream: TextIO) -> None:
    """Prints the limits of lengths in a schema, and a table of its features."""
    spec = from_schema(schema)
    console = make_console(stream)
    max_length = "or more" if spec.max_length is None else f"to {spec.max_length:,}"
    console.print(f"records of {spec.min_length:,} {max_length} steps")
    for other, distance in (("the baseline", spec.length_drift), ("serving", spec.length_skew)):
        if distance is not None:
            console.print(f"lengths at most {distance:g} from those of {other}")
    rows = []
    for proto in list_feature_protos(schema):
        feature = spec.features.get(proto.name)
        if feature is None:
            # A schema of stock TFX may have features that a SequenceSpec cannot describe.
            rows.append([proto.name, "as TFDV has it", "", "", ""])
        else:
            drift, skew = _format_threshold(feature.drift), _format_threshold(feature.skew)
            rows.append([proto.name, describe_feature(feature), _describe_domain(schema, proto), drift, skew])
    console.print()
    console.print(make_table(["feature", "kind, role", "values", "drift", "skew"], rows, align_right=False))


def _format_threshold(distance: float | None) -> str:
    return "" if distance is None else f"{distance:g}"


def _describe_domain(schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> str:
    """Returns a text about the values that a feature may have. It is empty if all values are allowed."""
    values = read_domain(schema, proto)
    if values is not None:
        more = ", ..." if len(values) > _MAX_VALUES else ""
        return f"{len(values):,}: {', '.join(map(repr, values[:_MAX_VALUES]))}{more}"
    for domain in (proto.int_domain, proto.float_domain):
        if domain.HasField("min") or domain.HasField("max"):
            low = f"{domain.min:g}" if domain.HasField("min") else ""
            high = f"{domain.max:g}" if domain.HasField("max") else ""
            return f"{low} .. {high}"
    return ""
