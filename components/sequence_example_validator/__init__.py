"""SequenceExampleValidator: statistics against a schema, with a verdict that stops the pipeline."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_validator.component import SequenceExampleValidator
    from tfx_sequence.components.sequence_example_validator.verdict import ExamplesInvalidError

__all__ = ["ExamplesInvalidError", "SequenceExampleValidator"]

__getattr__ = lazy_names(
    __name__,
    {"ExamplesInvalidError": "verdict", "SequenceExampleValidator": "component"},
)
