"""SequenceExampleGen: files of sequences to splits of SequenceExamples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
    from tfx_sequence.components.sequence_example_gen.readers.reader import Reader

__all__ = ["ReadConfig", "Reader", "SequenceExampleGen", "SplitConfig", "WriteConfig"]

__getattr__ = lazy_names(__name__, {"Reader": "readers.reader", "SequenceExampleGen": "component"})
