"""SequenceTransform: vocabularies from 1, and the same graph at training and serving."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_transform.component import SequenceTransform
    from tfx_sequence.components.sequence_transform.config import TransformConfig, VocabularyConfig
    from tfx_sequence.components.sequence_transform.preprocessing import one_value_a_step, preprocess
    from tfx_sequence.components.sequence_transform.text import lowercase, prefix, suffix
    from tfx_sequence.components.sequence_transform.vocabulary import apply_ids, compute_and_apply_ids, make_vocabulary

__all__ = [
    "SequenceTransform",
    "TransformConfig",
    "VocabularyConfig",
    "apply_ids",
    "compute_and_apply_ids",
    "lowercase",
    "make_vocabulary",
    "one_value_a_step",
    "prefix",
    "preprocess",
    "suffix",
]

__getattr__ = lazy_names(
    __name__,
    {
        "SequenceTransform": "component",
        "TransformConfig": "config",
        "VocabularyConfig": "config",
        "apply_ids": "vocabulary",
        "compute_and_apply_ids": "vocabulary",
        "lowercase": "text",
        "make_vocabulary": "vocabulary",
        "one_value_a_step": "preprocessing",
        "prefix": "text",
        "preprocess": "preprocessing",
        "suffix": "text",
    },
)
