"""SequenceTrainer and the RNN toolkit: cells, dynamic RNNs, losses, metrics, batching, export."""

from tfx_sequence.components.sequence_trainer.component import SequenceTrainer
from tfx_sequence.components.sequence_trainer.config import ModelConfig, TrainingConfig

__all__ = ["ModelConfig", "SequenceTrainer", "TrainingConfig"]
