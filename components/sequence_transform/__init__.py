"""SequenceTransform: vocabularies from 1, and the same graph at training and serving."""

from typing import TYPE_CHECKING

from tfx_sequence.components.lazy import lazy_names

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_transform.component import (
        SequenceTransform,
    )
    from tfx_sequence.components.sequence_transform.config import (
        NumberConfig,
        Settings,
        TransformConfig,
        VocabularyConfig,
    )
    from tfx_sequence.components.sequence_transform.normalization import normalize
    from tfx_sequence.components.sequence_transform.number_features import (
        bucket_ids,
        fill_missing,
    )
    from tfx_sequence.components.sequence_transform.preprocessing import (
        one_value_a_step,
        preprocess,
        preprocessing_fn,
    )
    from tfx_sequence.components.sequence_transform.setting_checks import (
        Contradiction,
        contradictions,
    )
    from tfx_sequence.components.sequence_transform.steps import (
        hold_last,
        next_steps,
        previous_steps,
        truncate,
        window,
        with_first,
        with_last,
    )
    from tfx_sequence.components.sequence_transform.text import (
        characters,
        fold_digits,
        lowercase,
        prefix,
        suffix,
    )
    from tfx_sequence.components.sequence_transform.vectors import (
        VectorsError,
    )
    from tfx_sequence.components.sequence_transform.vocabulary import (
        apply_ids,
        compute_and_apply_ids,
        given_vocabulary,
        hash_ids,
        ids_and_size,
        make_vocabulary,
        share_vocabulary,
        with_domain,
    )

__all__ = [
    "Contradiction",
    "NumberConfig",
    "SequenceTransform",
    "Settings",
    "TransformConfig",
    "VectorsError",
    "VocabularyConfig",
    "apply_ids",
    "bucket_ids",
    "characters",
    "compute_and_apply_ids",
    "contradictions",
    "fill_missing",
    "fold_digits",
    "given_vocabulary",
    "hash_ids",
    "hold_last",
    "ids_and_size",
    "lowercase",
    "make_vocabulary",
    "next_steps",
    "normalize",
    "one_value_a_step",
    "prefix",
    "preprocess",
    "preprocessing_fn",
    "previous_steps",
    "share_vocabulary",
    "suffix",
    "truncate",
    "window",
    "with_domain",
    "with_first",
    "with_last",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Contradiction": "setting_checks",
        "NumberConfig": "config",
        "SequenceTransform": "component",
        "Settings": "config",
        "TransformConfig": "config",
        "VectorsError": "vectors",
        "VocabularyConfig": "config",
        "apply_ids": "vocabulary",
        "bucket_ids": "number_features",
        "characters": "text",
        "compute_and_apply_ids": "vocabulary",
        "contradictions": "setting_checks",
        "fill_missing": "number_features",
        "fold_digits": "text",
        "given_vocabulary": "vocabulary",
        "hash_ids": "vocabulary",
        "hold_last": "steps",
        "ids_and_size": "vocabulary",
        "lowercase": "text",
        "make_vocabulary": "vocabulary",
        "next_steps": "steps",
        "normalize": "normalization",
        "one_value_a_step": "preprocessing",
        "prefix": "text",
        "preprocess": "preprocessing",
        "preprocessing_fn": "preprocessing",
        "previous_steps": "steps",
        "share_vocabulary": "vocabulary",
        "suffix": "text",
        "truncate": "steps",
        "window": "steps",
        "with_domain": "vocabulary",
        "with_first": "steps",
        "with_last": "steps",
    },
)
