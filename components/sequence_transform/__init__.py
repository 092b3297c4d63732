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
    from tfx_sequence.components.sequence_transform.config_checks import (
        Contradiction,
        contradictions,
    )
    from tfx_sequence.components.sequence_transform.graph.number_features import (
        bucket_ids,
        fill_missing,
    )
    from tfx_sequence.components.sequence_transform.graph.steps import (
        hold_last,
        next_steps,
        previous_steps,
        truncate,
        window,
        with_first,
        with_last,
    )
    from tfx_sequence.components.sequence_transform.graph.strings import (
        characters,
        fold_digits,
        lowercase,
        prefix,
        suffix,
    )
    from tfx_sequence.components.sequence_transform.graph.unicode_normal_forms import normalize
    from tfx_sequence.components.sequence_transform.graph.vocabulary import (
        apply_ids,
        compute_and_apply_ids,
        given_vocabulary,
        hash_ids,
        ids_and_size,
        make_vocabulary,
        share_vocabulary,
        with_domain,
    )
    from tfx_sequence.components.sequence_transform.preprocessing import (
        one_value_a_step,
        preprocess,
        preprocessing_fn,
    )
    from tfx_sequence.components.sequence_transform.vector_files import (
        VectorsError,
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
        "Contradiction": "config_checks",
        "NumberConfig": "config",
        "SequenceTransform": "component",
        "Settings": "config",
        "TransformConfig": "config",
        "VectorsError": "vector_files",
        "VocabularyConfig": "config",
        "apply_ids": "graph.vocabulary",
        "bucket_ids": "graph.number_features",
        "characters": "graph.strings",
        "compute_and_apply_ids": "graph.vocabulary",
        "contradictions": "config_checks",
        "fill_missing": "graph.number_features",
        "fold_digits": "graph.strings",
        "given_vocabulary": "graph.vocabulary",
        "hash_ids": "graph.vocabulary",
        "hold_last": "graph.steps",
        "ids_and_size": "graph.vocabulary",
        "lowercase": "graph.strings",
        "make_vocabulary": "graph.vocabulary",
        "next_steps": "graph.steps",
        "normalize": "graph.unicode_normal_forms",
        "one_value_a_step": "preprocessing",
        "prefix": "graph.strings",
        "preprocess": "preprocessing",
        "preprocessing_fn": "preprocessing",
        "previous_steps": "graph.steps",
        "share_vocabulary": "graph.vocabulary",
        "suffix": "graph.strings",
        "truncate": "graph.steps",
        "window": "graph.steps",
        "with_domain": "graph.vocabulary",
        "with_first": "graph.steps",
        "with_last": "graph.steps",
    },
)
