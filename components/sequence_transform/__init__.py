"""SequenceTransform: vocabularies from 1, and the same graph at training and serving."""

from tfx_sequence.components.sequence_transform.component import SequenceTransform
from tfx_sequence.components.sequence_transform.config import TransformConfig, VocabularyConfig
from tfx_sequence.components.sequence_transform.preprocessing import one_value_a_step, prefix, preprocess, suffix
from tfx_sequence.components.sequence_transform.vocabulary import (
    apply_ids,
    compute_and_apply_ids,
    vocabulary,
)

__all__ = [
    "SequenceTransform",
    "TransformConfig",
    "VocabularyConfig",
    "apply_ids",
    "compute_and_apply_ids",
    "one_value_a_step",
    "prefix",
    "preprocess",
    "suffix",
    "vocabulary",
]
