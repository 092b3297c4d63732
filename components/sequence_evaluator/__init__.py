"""TFMA metrics by real steps, for the stock Evaluator."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_evaluator.eval_config import make_eval_config
    from tfx_sequence.components.sequence_evaluator.metrics import (
        SequenceAccuracy,
        SequenceCrossEntropy,
        SequenceLabelScores,
        SequenceNumberErrors,
        SequenceSpanScores,
    )
    from tfx_sequence.components.sequence_evaluator.thresholds import Threshold

__all__ = [
    "SequenceAccuracy",
    "SequenceCrossEntropy",
    "SequenceLabelScores",
    "SequenceNumberErrors",
    "SequenceSpanScores",
    "Threshold",
    "make_eval_config",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SequenceAccuracy": "metrics",
        "SequenceCrossEntropy": "metrics",
        "SequenceLabelScores": "metrics",
        "SequenceNumberErrors": "metrics",
        "SequenceSpanScores": "metrics",
        "Threshold": "thresholds",
        "make_eval_config": "eval_config",
    },
)
