"""SequenceSchemaGen: statistics and a spec to a schema that every later step can read."""

from tfx_sequence.components.sequence_schema_gen.component import SequenceSchemaGen
from tfx_sequence.components.sequence_schema_gen.infer import infer_schema

__all__ = ["SequenceSchemaGen", "infer_schema"]
