"""SequenceExampleGen: files of sequences to splits of SequenceExamples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen

__all__ = ["ReadConfig", "SequenceExampleGen", "SplitConfig", "WriteConfig"]


def __getattr__(name: str) -> Any:
    # TFX and TensorFlow take ten seconds to import, and Beam's workers import this package but need neither.
    if name == "SequenceExampleGen":
        from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen

        return SequenceExampleGen
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
