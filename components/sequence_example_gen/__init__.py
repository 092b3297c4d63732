"""SequenceExampleGen: files of sequences to splits of SequenceExamples."""

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig

__all__ = ["ReadConfig", "SequenceExampleGen", "SplitConfig", "WriteConfig"]
