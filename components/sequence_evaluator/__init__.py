"""TFMA metrics by real steps, for the stock Evaluator."""

from tfx_sequence.components.sequence_evaluator.eval_config import make_eval_config
from tfx_sequence.components.sequence_evaluator.metrics import SequenceAccuracy

__all__ = ["SequenceAccuracy", "make_eval_config"]
