"""SequenceExampleGen: files of sequences to splits of SequenceExamples."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
    from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig

__all__ = ["ReadConfig", "SequenceExampleGen", "SplitConfig", "WriteConfig"]

__getattr__ = lazy_names(
    __name__,
    {"ReadConfig": "config", "SequenceExampleGen": "component", "SplitConfig": "config", "WriteConfig": "config"},
)
