"""SequenceSchemaGen: makes the schema that all later components read from statistics and a spec."""

from .component import SequenceSchemaGen as SequenceSchemaGen
from .infer import infer_schema as infer_schema
