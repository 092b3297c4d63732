"""SequenceSchemaGen: statistics and a spec to a schema that every later step can read."""

from .component import SequenceSchemaGen as SequenceSchemaGen
from .infer import infer_schema as infer_schema
