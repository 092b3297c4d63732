"""Completes a schema that a person has written or edited, and compares the schema with the data."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_schema_gen.infer import infer_schema
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.diff import diff_schemas
from tfx_sequence.schemas.tfmd.feature import ContradictionError
from tfx_sequence.schemas.tfmd.representations import add_representations


def complete_curated_schema(
    curated: schema_pb2.Schema, statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> tuple[schema_pb2.Schema, list[str]]:
    """Returns a copy of the curated schema that stock Transform can read, and how the data differs from the schema.

    A TensorRepresentation is added for each feature that has none, because stock Transform cannot read the feature
    without it. Nothing else changes. Nothing is copied from the data, so that no set of values grows unnoticed.

    Args:
      curated: The schema that a person has written or edited.
      statistics: A dict of split name to the statistics that StatisticsGen computes for SequenceExamples.

    Returns:
      The schema, and a list with one line per difference.

    Raises:
      SchemaError: if the schema does not describe sequences, or there are no statistics.
    """
    spec = from_schema(curated)
    completed_schema = schema_pb2.Schema()
    completed_schema.CopyFrom(curated)
    add_representations(completed_schema)
    try:
        differences = diff_schemas(completed_schema, infer_schema(statistics, spec))
    except ContradictionError as error:
        differences = [str(error)]
    return completed_schema, differences
