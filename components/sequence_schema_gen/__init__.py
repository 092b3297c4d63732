"""SequenceSchemaGen: statistics and a spec to a schema that every later step can read."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_schema_gen.component import SequenceSchemaGen
    from tfx_sequence.components.sequence_schema_gen.infer import infer_schema

__all__ = ["SequenceSchemaGen", "infer_schema"]

__getattr__ = lazy_names(
    __name__,
    {"SequenceSchemaGen": "component", "infer_schema": "infer"},
)
