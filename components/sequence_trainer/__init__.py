"""SequenceTrainer and the RNN toolkit: cells, dynamic RNNs, losses, metrics, batching, export."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_trainer.attention import AttentionWrapper
    from tfx_sequence.components.sequence_trainer.batching import SequenceBatches
    from tfx_sequence.components.sequence_trainer.buckets import bucket_boundaries, padding_efficiency, plan_batches
    from tfx_sequence.components.sequence_trainer.cell import Cell
    from tfx_sequence.components.sequence_trainer.cells import GRUCell, LSTMCell, SimpleRNNCell
    from tfx_sequence.components.sequence_trainer.cells_frequency import GridLSTMCell, TimeFrequencyLSTMCell
    from tfx_sequence.components.sequence_trainer.cells_light import IndRNNCell, UGRNNCell
    from tfx_sequence.components.sequence_trainer.cells_lstm import CoupledLSTMCell, LayerNormLSTMCell
    from tfx_sequence.components.sequence_trainer.cells_nas import NASCell
    from tfx_sequence.components.sequence_trainer.characters import NestedEncoder
    from tfx_sequence.components.sequence_trainer.component import SequenceTrainer
    from tfx_sequence.components.sequence_trainer.crf import LinearChainCRF, TagConstraints, tag_constraints
    from tfx_sequence.components.sequence_trainer.ctc import ctc_decode, ctc_loss
    from tfx_sequence.components.sequence_trainer.export import ServingModel
    from tfx_sequence.components.sequence_trainer.heads import Encoded, HeadLayer, HeadMetrics
    from tfx_sequence.components.sequence_trainer.heads_labels import CRFHead, SoftmaxHead
    from tfx_sequence.components.sequence_trainer.heads_language import LanguageModelHead
    from tfx_sequence.components.sequence_trainer.heads_numbers import RegressionHead
    from tfx_sequence.components.sequence_trainer.inputs import InputEncoder
    from tfx_sequence.components.sequence_trainer.losses import (
        LossParts,
        classification_loss,
        regression_loss,
        sequence_loss,
        sequence_loss_by_example,
    )
    from tfx_sequence.components.sequence_trainer.metrics import (
        Accuracy,
        BitsPerStep,
        CrossEntropy,
        LabelScores,
        Perplexity,
        SpanF1,
        TopKAccuracy,
    )
    from tfx_sequence.components.sequence_trainer.metrics_numbers import MeanAbsoluteError, RootMeanSquaredError
    from tfx_sequence.components.sequence_trainer.model import SequenceModel
    from tfx_sequence.components.sequence_trainer.model_config import CharacterConfig, HeadConfig, ModelConfig
    from tfx_sequence.components.sequence_trainer.multi import MultiRNNCell
    from tfx_sequence.components.sequence_trainer.parsing import Column, parse_records
    from tfx_sequence.components.sequence_trainer.pooling import AttentionPooling, MaxPooling, MeanPooling
    from tfx_sequence.components.sequence_trainer.regularization import DropoutWrapper, ZoneoutWrapper
    from tfx_sequence.components.sequence_trainer.rnn import (
        BidirectionalRNN,
        DynamicRNN,
        bidirectional_dynamic_rnn,
        dynamic_rnn,
    )
    from tfx_sequence.components.sequence_trainer.sampled_softmax import sampled_sequence_loss
    from tfx_sequence.components.sequence_trainer.stack import RecurrentStack
    from tfx_sequence.components.sequence_trainer.standing import Outcome
    from tfx_sequence.components.sequence_trainer.task import Head, Input, SequenceTask, TaskError
    from tfx_sequence.components.sequence_trainer.training import Trainer
    from tfx_sequence.components.sequence_trainer.training_config import TrainingConfig
    from tfx_sequence.components.sequence_trainer.wrappers import HighwayWrapper, ResidualWrapper, Wrapper

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
    "HeadLayer",
    "HeadMetrics",
    "HighwayWrapper",
    "IndRNNCell",
    "Input",
    "InputEncoder",
    "LSTMCell",
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
        "Accuracy": "metrics",
        "AttentionPooling": "pooling",
        "AttentionWrapper": "attention",
        "BidirectionalRNN": "rnn",
        "BitsPerStep": "metrics",
        "CRFHead": "heads_labels",
        "Cell": "cell",
        "CharacterConfig": "model_config",
        "Column": "parsing",
        "CoupledLSTMCell": "cells_lstm",
        "CrossEntropy": "metrics",
        "DropoutWrapper": "regularization",
        "DynamicRNN": "rnn",
        "Encoded": "heads",
        "GRUCell": "cells",
        "GridLSTMCell": "cells_frequency",
        "Head": "task",
        "HeadConfig": "model_config",
        "HeadLayer": "heads",
        "HeadMetrics": "heads",
        "HighwayWrapper": "wrappers",
        "IndRNNCell": "cells_light",
        "Input": "task",
        "InputEncoder": "inputs",
        "LSTMCell": "cells",
        "LabelScores": "metrics",
        "LanguageModelHead": "heads_language",
        "LayerNormLSTMCell": "cells_lstm",
        "LinearChainCRF": "crf",
        "LossParts": "losses",
        "MaxPooling": "pooling",
        "MeanAbsoluteError": "metrics_numbers",
        "MeanPooling": "pooling",
        "ModelConfig": "model_config",
        "MultiRNNCell": "multi",
        "NASCell": "cells_nas",
        "NestedEncoder": "characters",
        "Outcome": "standing",
        "Perplexity": "metrics",
        "RecurrentStack": "stack",
        "RegressionHead": "heads_numbers",
        "ResidualWrapper": "wrappers",
        "RootMeanSquaredError": "metrics_numbers",
        "SequenceBatches": "batching",
        "SequenceModel": "model",
        "SequenceTask": "task",
        "SequenceTrainer": "component",
        "ServingModel": "export",
        "SimpleRNNCell": "cells",
        "SoftmaxHead": "heads_labels",
        "SpanF1": "metrics",
        "TagConstraints": "crf",
        "TaskError": "task",
        "TimeFrequencyLSTMCell": "cells_frequency",
        "TopKAccuracy": "metrics",
        "Trainer": "training",
        "TrainingConfig": "training_config",
        "UGRNNCell": "cells_light",
        "Wrapper": "wrappers",
        "ZoneoutWrapper": "regularization",
        "bidirectional_dynamic_rnn": "rnn",
        "bucket_boundaries": "buckets",
        "classification_loss": "losses",
        "ctc_decode": "ctc",
        "ctc_loss": "ctc",
        "dynamic_rnn": "rnn",
        "padding_efficiency": "buckets",
        "parse_records": "parsing",
        "plan_batches": "buckets",
        "regression_loss": "losses",
        "sampled_sequence_loss": "sampled_softmax",
        "sequence_loss": "losses",
        "sequence_loss_by_example": "losses",
        "tag_constraints": "crf",
    },
)
