"""Provides SequenceSchemaGen, which makes a schema from statistics and a spec for all later components."""

from .component import SequenceSchemaGen as SequenceSchemaGen
from .infer import infer_schema as infer_schema
