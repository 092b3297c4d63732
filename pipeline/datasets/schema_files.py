"""Reads, writes and prints schema files."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING, TextIO

from google.protobuf import text_format

from tfx_sequence.pipeline.datasets.text_report import describe_feature
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.pipeline.terminal.tables import make_console, make_table
from tfx_sequence.schemas.contract import SCHEMA_FILE
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema, read_domain

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

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
    # Editors of Windows write a byte order mark before the text.
    schema = parse_schema(text.removeprefix(codecs.BOM_UTF8), file)
    try:
        from_schema(schema)
    except SchemaError as error:
        raise SchemaError(f"{file}: {error}") from None
    return schema


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
            domain = _describe_domain(schema, proto)
            drift = _format_threshold(feature.drift)
            skew = _format_threshold(feature.skew)
            rows.append([proto.name, describe_feature(feature), domain, drift, skew])
    console.print()
    console.print(make_table(["feature", "kind, role", "values", "drift", "skew"], rows, align_right=False))


def _format_threshold(distance: float | None) -> str:
    return "" if distance is None else f"{distance:g}"


def _describe_domain(schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> str:
    """Returns a text about the values that a feature may have. It is empty if all values are allowed."""
    values = read_domain(schema, proto)
    if values is not None:
        shown_values = ", ".join(map(repr, values[:_MAX_VALUES]))
        ellipsis = ", ..." if len(values) > _MAX_VALUES else ""
        return f"{len(values):,}: {shown_values}{ellipsis}"
    for domain in (proto.int_domain, proto.float_domain):
        if domain.HasField("min") or domain.HasField("max"):
            low = f"{domain.min:g}" if domain.HasField("min") else ""
            high = f"{domain.max:g}" if domain.HasField("max") else ""
            return f"{low} .. {high}"
    return ""
