"""Describes sequence datasets: a typed spec, its schema, records in and out of SequenceExamples, and record checks."""

from .checks.findings import FindingCounts as FindingCounts
from .checks.findings import FindingGroup as FindingGroup
from .checks.record_checker import CheckResult as CheckResult
from .checks.record_checker import RecordChecker as RecordChecker
from .checks.rules import RuleError as RuleError
from .embeddings import load_embeddings as load_embeddings
from .records.examples import Encoder as Encoder
from .records.examples import decode as decode
from .records.examples import make_example as make_example
from .records.rejects import BadRecordError as BadRecordError
from .records.rejects import Reason as Reason
from .records.rejects import Reject as Reject
from .spec import FIRST_ID as FIRST_ID
from .spec import PAD_ID as PAD_ID
from .spec import Feature as Feature
from .spec import SequenceSpec as SequenceSpec
from .spec_toml import from_toml as from_toml
from .spec_toml import to_toml as to_toml
from .tfmd.convert import from_schema as from_schema
from .tfmd.convert import to_schema as to_schema
from .tfmd.feature import SchemaError as SchemaError
from .vocabulary import OOV as OOV
from .vocabulary import Vocabulary as Vocabulary
from .vocabulary import VocabularyError as VocabularyError
from .vocabulary import vocabulary_of as vocabulary_of
