"""SequenceExampleValidator: statistics against a schema, with a verdict that stops the pipeline."""

from tfx_sequence.components.sequence_example_validator.component import SequenceExampleValidator
from tfx_sequence.components.sequence_example_validator.verdict import ExamplesInvalidError

__all__ = ["ExamplesInvalidError", "SequenceExampleValidator"]
