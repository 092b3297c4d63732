"""SequenceTrainer and the RNN toolkit: cells, dynamic RNNs, losses, metrics, batching, export."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_trainer.batches.parsing import Column, parse_records
    from tfx_sequence.components.sequence_trainer.batches.planning import (
        bucket_boundaries,
        padding_efficiency,
        plan_batches,
    )
    from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
    from tfx_sequence.components.sequence_trainer.component import SequenceTrainer
    from tfx_sequence.components.sequence_trainer.config.model import CharacterConfig, HeadConfig, ModelConfig
    from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
    from tfx_sequence.components.sequence_trainer.losses.crf import LinearChainCRF, TagConstraints, tag_constraints
    from tfx_sequence.components.sequence_trainer.losses.ctc import ctc_decode, ctc_loss
    from tfx_sequence.components.sequence_trainer.losses.sampled import sampled_sequence_loss
    from tfx_sequence.components.sequence_trainer.losses.sequence import (
        LossParts,
        classification_loss,
        regression_loss,
        sequence_loss,
        sequence_loss_by_example,
    )
    from tfx_sequence.components.sequence_trainer.metrics.labels import (
        Accuracy,
        BitsPerStep,
        CrossEntropy,
        LabelScores,
        Perplexity,
        SpanF1,
        TopKAccuracy,
    )
    from tfx_sequence.components.sequence_trainer.metrics.numbers import MeanAbsoluteError, RootMeanSquaredError
    from tfx_sequence.components.sequence_trainer.model.characters import NestedEncoder
    from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head, HeadMetrics
    from tfx_sequence.components.sequence_trainer.model.heads.labels import CRFHead, SoftmaxHead
    from tfx_sequence.components.sequence_trainer.model.heads.language_model import LanguageModelHead
    from tfx_sequence.components.sequence_trainer.model.heads.regression import RegressionHead
    from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
    from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
    from tfx_sequence.components.sequence_trainer.model.pooling import AttentionPooling, MaxPooling, MeanPooling
    from tfx_sequence.components.sequence_trainer.model.recurrent_stack import RecurrentStack
    from tfx_sequence.components.sequence_trainer.rnn.attention import AttentionWrapper
    from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
    from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper, ZoneoutWrapper
    from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import (
        BidirectionalRNN,
        DynamicRNN,
        bidirectional_dynamic_rnn,
        dynamic_rnn,
    )
    from tfx_sequence.components.sequence_trainer.rnn.frequency_cells import GridLSTMCell, TimeFrequencyLSTMCell
    from tfx_sequence.components.sequence_trainer.rnn.light_cells import IndRNNCell, UGRNNCell
    from tfx_sequence.components.sequence_trainer.rnn.nas_cell import NASCell
    from tfx_sequence.components.sequence_trainer.rnn.stacked_cells import MultiRNNCell
    from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell, SimpleRNNCell
    from tfx_sequence.components.sequence_trainer.rnn.variant_cells import CoupledLSTMCell, LayerNormLSTMCell
    from tfx_sequence.components.sequence_trainer.rnn.wrappers import HighwayWrapper, ResidualWrapper, Wrapper
    from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
    from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask, TaskError
    from tfx_sequence.components.sequence_trainer.training.state import Outcome
    from tfx_sequence.components.sequence_trainer.training.trainer import Trainer

__all__ = [
    "Accuracy",
    "AttentionPooling",
    "AttentionWrapper",
    "BidirectionalRNN",
    "BitsPerStep",
    "CRFHead",
    "Cell",
    "CharacterConfig",
    "Column",
    "CoupledLSTMCell",
    "CrossEntropy",
    "DropoutWrapper",
    "DynamicRNN",
    "Encoded",
    "GRUCell",
    "GridLSTMCell",
    "Head",
    "HeadConfig",
    "HeadMetrics",
    "HighwayWrapper",
    "IndRNNCell",
    "Input",
    "InputEncoder",
    "LSTMCell",
    "Label",
    "LabelScores",
    "LanguageModelHead",
    "LayerNormLSTMCell",
    "LinearChainCRF",
    "LossParts",
    "MaxPooling",
    "MeanAbsoluteError",
    "MeanPooling",
    "ModelConfig",
    "MultiRNNCell",
    "NASCell",
    "NestedEncoder",
    "Outcome",
    "Perplexity",
    "RecurrentStack",
    "RegressionHead",
    "ResidualWrapper",
    "RootMeanSquaredError",
    "SequenceBatches",
    "SequenceModel",
    "SequenceTask",
    "SequenceTrainer",
    "ServingModel",
    "SimpleRNNCell",
    "SoftmaxHead",
    "SpanF1",
    "TagConstraints",
    "TaskError",
    "TimeFrequencyLSTMCell",
    "TopKAccuracy",
    "Trainer",
    "TrainingConfig",
    "UGRNNCell",
    "Wrapper",
    "ZoneoutWrapper",
    "bidirectional_dynamic_rnn",
    "bucket_boundaries",
    "classification_loss",
    "ctc_decode",
    "ctc_loss",
    "dynamic_rnn",
    "padding_efficiency",
    "parse_records",
    "plan_batches",
    "regression_loss",
    "sampled_sequence_loss",
    "sequence_loss",
    "sequence_loss_by_example",
    "tag_constraints",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Accuracy": "metrics.labels",
        "AttentionPooling": "model.pooling",
        "AttentionWrapper": "rnn.attention",
        "BidirectionalRNN": "rnn.dynamic_rnn",
        "BitsPerStep": "metrics.labels",
        "CRFHead": "model.heads.labels",
        "Cell": "rnn.cell",
        "CharacterConfig": "config.model",
        "Column": "batches.parsing",
        "CoupledLSTMCell": "rnn.variant_cells",
        "CrossEntropy": "metrics.labels",
        "DropoutWrapper": "rnn.dropout",
        "DynamicRNN": "rnn.dynamic_rnn",
        "Encoded": "model.heads.base",
        "GRUCell": "rnn.standard_cells",
        "GridLSTMCell": "rnn.frequency_cells",
        "Label": "task.task",
        "HeadConfig": "config.model",
        "Head": "model.heads.base",
        "HeadMetrics": "model.heads.base",
        "HighwayWrapper": "rnn.wrappers",
        "IndRNNCell": "rnn.light_cells",
        "Input": "task.task",
        "InputEncoder": "model.inputs",
        "LSTMCell": "rnn.standard_cells",
        "LabelScores": "metrics.labels",
        "LanguageModelHead": "model.heads.language_model",
        "LayerNormLSTMCell": "rnn.variant_cells",
        "LinearChainCRF": "losses.crf",
        "LossParts": "losses.sequence",
        "MaxPooling": "model.pooling",
        "MeanAbsoluteError": "metrics.numbers",
        "MeanPooling": "model.pooling",
        "ModelConfig": "config.model",
        "MultiRNNCell": "rnn.stacked_cells",
        "NASCell": "rnn.nas_cell",
        "NestedEncoder": "model.characters",
        "Outcome": "training.state",
        "Perplexity": "metrics.labels",
        "RecurrentStack": "model.recurrent_stack",
        "RegressionHead": "model.heads.regression",
        "ResidualWrapper": "rnn.wrappers",
        "RootMeanSquaredError": "metrics.numbers",
        "SequenceBatches": "batches.sequence_batches",
        "SequenceModel": "model.model",
        "SequenceTask": "task.task",
        "SequenceTrainer": "component",
        "ServingModel": "serving.serving_model",
        "SimpleRNNCell": "rnn.standard_cells",
        "SoftmaxHead": "model.heads.labels",
        "SpanF1": "metrics.labels",
        "TagConstraints": "losses.crf",
        "TaskError": "task.task",
        "TimeFrequencyLSTMCell": "rnn.frequency_cells",
        "TopKAccuracy": "metrics.labels",
        "Trainer": "training.trainer",
        "TrainingConfig": "config.training",
        "UGRNNCell": "rnn.light_cells",
        "Wrapper": "rnn.wrappers",
        "ZoneoutWrapper": "rnn.dropout",
        "bidirectional_dynamic_rnn": "rnn.dynamic_rnn",
        "bucket_boundaries": "batches.planning",
        "classification_loss": "losses.sequence",
        "ctc_decode": "losses.ctc",
        "ctc_loss": "losses.ctc",
        "dynamic_rnn": "rnn.dynamic_rnn",
        "padding_efficiency": "batches.planning",
        "parse_records": "batches.parsing",
        "plan_batches": "batches.planning",
        "regression_loss": "losses.sequence",
        "sampled_sequence_loss": "losses.sampled",
        "sequence_loss": "losses.sequence",
        "sequence_loss_by_example": "losses.sequence",
        "tag_constraints": "losses.crf",
    },
)
