"""Finds the parts of a schema of SequenceExamples: the struct of sequence features, the features and their domains."""

from __future__ import annotations

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.tfmd.feature import SchemaError

SEQUENCE = "##SEQUENCE##"
"""The name that TFXIO gives to the struct that holds all sequence features."""


def find_sequence_struct(schema: schema_pb2.Schema) -> schema_pb2.Feature:
    """Finds the struct feature that holds the sequence features.

    Raises:
      SchemaError: if the schema has no such feature.
    """
    for proto in schema.feature:
        if proto.name == SEQUENCE:
            return proto
    raise SchemaError(
        f"the schema has no {SEQUENCE!r} feature, so it does not describe tf.SequenceExamples; its features are "
        f"{[proto.name for proto in schema.feature][:10]}"
    )


def list_feature_protos(schema: schema_pb2.Schema) -> list[schema_pb2.Feature]:
    """Returns the context features of a schema, followed by its sequence features."""
    context = [proto for proto in schema.feature if proto.name != SEQUENCE]
    return [*context, *find_sequence_struct(schema).struct_domain.feature]


def read_domain(schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> list[str] | None:
    """Reads the domain of a string feature, which is the list of allowed values in the order of the schema.

    The domain is None if all values are allowed.

    Raises:
      SchemaError: if the feature names a domain that the schema does not have.
    """
    if proto.HasField("string_domain"):
        return list(proto.string_domain.value)
    if proto.HasField("domain"):
        for domain in schema.string_domain:
            if domain.name == proto.domain:
                return list(domain.value)
        raise SchemaError(
            f"feature {proto.name!r} of the schema names the domain {proto.domain!r}, which the schema does not have; "
            f"its domains are {[domain.name for domain in schema.string_domain]}"
        )
    return None


def parse_schema(text: str | bytes, where: str) -> schema_pb2.Schema:
    """Parses the text of a `schema.pbtxt`.

    Args:
      text: The content of the file.
      where: The name of the file, for messages.

    Raises:
      SchemaError: if the text is not a schema, or if it is cut off.
    """
    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"{where} is not the text form of a TensorFlow Metadata schema, or is cut off: {error}"
        ) from error
