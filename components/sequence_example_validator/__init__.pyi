"""Provides SequenceExampleValidator, which validates data against a schema and stops the pipeline if it is invalid."""

from .component import SequenceExampleValidator as SequenceExampleValidator
from .examination.data_files import find_splits as find_splits
from .examination.data_statistics import compute_statistics as compute_statistics
from .examination.examine import examine as examine
from .verdict import ExamplesInvalidError as ExamplesInvalidError
