"""Metrics for the stock Evaluator that count the real steps of padded sequences, and never the padding."""

from .accumulators import Counts as Counts
from .accumulators import Figure as Figure
from .accumulators import MetricAccumulator as MetricAccumulator
from .eval_config import make_eval_config as make_eval_config
from .metrics import SequenceAccuracy as SequenceAccuracy
from .metrics import SequenceCrossEntropy as SequenceCrossEntropy
from .metrics import SequenceLabelScores as SequenceLabelScores
from .metrics import SequenceMetric as SequenceMetric
from .metrics import SequenceNumberErrors as SequenceNumberErrors
from .metrics import SequenceSpanScores as SequenceSpanScores
from .thresholds import Threshold as Threshold
