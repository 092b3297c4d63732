"""SequenceTransform: vocabularies from 1, and the same graph at training and serving."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_transform.component import SequenceTransform
    from tfx_sequence.components.sequence_transform.config import (
        Contradiction,
        NumberConfig,
        TransformConfig,
        VocabularyConfig,
        contradictions,
    )
    from tfx_sequence.components.sequence_transform.number_features import bucket_ids
    from tfx_sequence.components.sequence_transform.preprocessing import one_value_a_step, preprocess
    from tfx_sequence.components.sequence_transform.text import characters, fold_digits, lowercase, prefix, suffix
    from tfx_sequence.components.sequence_transform.vocabulary import (
        apply_ids,
        compute_and_apply_ids,
        given_vocabulary,
        hash_ids,
        make_vocabulary,
        with_domain,
    )

__all__ = [
    "Contradiction",
    "NumberConfig",
    "SequenceTransform",
    "TransformConfig",
    "VocabularyConfig",
    "apply_ids",
    "bucket_ids",
    "characters",
    "compute_and_apply_ids",
    "contradictions",
    "fold_digits",
    "given_vocabulary",
    "hash_ids",
    "lowercase",
    "make_vocabulary",
    "one_value_a_step",
    "prefix",
    "preprocess",
    "suffix",
    "with_domain",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Contradiction": "config",
        "NumberConfig": "config",
        "SequenceTransform": "component",
        "TransformConfig": "config",
        "VocabularyConfig": "config",
        "apply_ids": "vocabulary",
        "bucket_ids": "number_features",
        "characters": "text",
        "compute_and_apply_ids": "vocabulary",
        "contradictions": "config",
        "fold_digits": "text",
        "given_vocabulary": "vocabulary",
        "hash_ids": "vocabulary",
        "lowercase": "text",
        "make_vocabulary": "vocabulary",
        "one_value_a_step": "preprocessing",
        "prefix": "text",
        "preprocess": "preprocessing",
        "suffix": "text",
        "with_domain": "vocabulary",
    },
)
