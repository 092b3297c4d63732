"""Defines the SequenceSchemaGen component, which replaces stock SchemaGen in a pipeline for sequences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from tfx_sequence.components import arguments
from tfx_sequence.components.own_code.fingerprint import fingerprint_code
from tfx_sequence.components.sequence_schema_gen import executor
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import SequenceSpec


class SequenceSchemaGenSpec(standard_component_specs.SchemaGenSpec):
    """The channels and parameters of stock SchemaGen, and additionally a spec and a curated schema."""

    PARAMETERS = {  # noqa: RUF012  (TFX requires this form.)
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        contract.SEQUENCE_SPEC: ExecutionParameter(type=str, optional=True),
        contract.CODE: ExecutionParameter(type=str),
        executor.OPEN_FEATURES_KEY: ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.SchemaGenSpec.INPUTS,
        executor.CURATED_KEY: ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }


class SequenceSchemaGen(base_component.BaseComponent):
    """Makes a schema of SequenceExamples that stock Transform, Trainer and TFXIO can read.

    The component replaces stock SchemaGen. It has the same input `statistics` and the same output `schema`. It adds to
    the schema:

    - TensorRepresentations under the plain names of the features. Stock Transform cannot read SequenceExamples without
      them.
    - Bounds on the length of a sequence.
    - The kind and the role of each feature, which SequenceTransform and SequenceTrainer need.

    Args:
      statistics: A channel of `ExampleStatistics`.
      spec: The description of the data, as a `SequenceSpec` or a dict of its fields. If None, the description is
        inferred from the statistics.
      curated: A channel of a `Schema` that a person has written or edited, such as the output of ImportSchemaGen. The
        output is this schema, with a TensorRepresentation added for each feature that has none. If the data differs
        from the schema, the differences are logged and stored in the output's property `differences`. `curated` and
        `spec` cannot be used together.
      infer_feature_shape: Whether to infer the shapes of features, as in stock SchemaGen.
      exclude_splits: The splits whose statistics are ignored. By default, these are all splits except `train`. Then a
        label that only occurs in held-out data is an anomaly and not part of the schema. If no split is called `train`,
        no split is ignored by default.
      open_features: Categorical features of the spec that may have values that `train` does not have, such as labels
        that share the vocabulary of an input. They get no domain, so such a value is no anomaly.

    Raises:
      ValueError: if both `spec` and `curated` are given, or if `open_features` names a feature that `spec` lacks.
    """

    SPEC_CLASS = SequenceSchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        spec: SequenceSpec | None = None,
        curated: types.BaseChannel | None = None,
        infer_feature_shape: bool | data_types.RuntimeParameter = True,
        exclude_splits: list[str] | None = None,
        open_features: Sequence[str] = (),
    ):
        if spec is not None and curated is not None:
            raise ValueError(
                "`spec` and `curated` are both given; a curated schema holds its spec, so give one of them"
            )
        optional: dict[str, Any] = {}
        if spec is not None:
            spec = arguments.parse_settings("spec", SequenceSpec, spec)
            optional[contract.SEQUENCE_SPEC] = spec.to_json()
        unknown = [name for name in open_features if spec is None or name not in spec.features]
        if unknown:
            raise ValueError(f"`open_features` names {unknown[0]!r}, which is no feature of `spec`")
        if open_features:
            optional[executor.OPEN_FEATURES_KEY] = json_utils.dumps([*open_features])
        if curated is not None:
            optional[executor.CURATED_KEY] = curated
        # In stock SchemaGen this parameter is an int or a RuntimeParameter.
        if isinstance(infer_feature_shape, bool):
            infer_feature_shape = int(infer_feature_shape)
        super().__init__(
            spec=SequenceSchemaGenSpec(
                statistics=statistics,
                schema=types.Channel(type=standard_artifacts.Schema),
                infer_feature_shape=infer_feature_shape,
                exclude_splits=json_utils.dumps(exclude_splits),
                code=json.dumps(fingerprint_code([])),
                **optional,
            )
        )
