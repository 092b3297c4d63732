"""Compares a schema that a person has curated with the data."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_schema_gen.infer import infer_schema
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.diff import diff_schemas
from tfx_sequence.schemas.tfmd.feature import ContradictionError
from tfx_sequence.schemas.tfmd.representations import add_representations


def keep_curated(
    curated: schema_pb2.Schema, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> tuple[schema_pb2.Schema, list[str]]:
    """Returns the curated schema, complete enough to read by, and how the data differs from it.

    Curation always wins. Nothing is taken from the data, so no set of values grows unnoticed. Only a
    TensorRepresentation is added for each feature that has none, as stock Transform cannot read without it.

    Args:
      curated: The schema.
      statistics: Split name to statistics as StatisticsGen makes them of SequenceExamples.

    Returns:
      The schema, and a line for each difference.

    Raises:
      SchemaError: if the schema is not one of sequences, or there are no statistics.
    """
    spec = from_schema(curated)
    complete = schema_pb2.Schema()
    complete.CopyFrom(curated)
    add_representations(complete)
    try:
        differences = diff_schemas(complete, infer_schema(statistics, spec))
    except ContradictionError as error:
        differences = [str(error)]
    return complete, differences
