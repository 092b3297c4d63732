"""What a sequence dataset is: the typed spec, its schema, and records in and out of SequenceExamples."""

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID, Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import SchemaError, from_schema, to_schema
from tfx_sequence.schemas.vocabulary import OOV, Vocabulary

__all__ = [
    "FIRST_ID",
    "OOV",
    "PAD_ID",
    "BadRecordError",
    "Feature",
    "Reason",
    "Reject",
    "SchemaError",
    "SequenceSpec",
    "Vocabulary",
    "from_schema",
    "to_schema",
]
