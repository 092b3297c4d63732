"""The SequenceSchemaGen component, which replaces stock SchemaGen in a pipeline of sequences."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from tfx_sequence.components import arguments
from tfx_sequence.components.sequence_schema_gen import executor
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import SequenceSpec


class SequenceSchemaGenSpec(standard_component_specs.SchemaGenSpec):
    """The channels and parameters of stock SchemaGen, with a spec and a curated schema."""

    PARAMETERS = {  # noqa: RUF012  (TFX's own form)
        **standard_component_specs.SchemaGenSpec.PARAMETERS,
        contract.SEQUENCE_SPEC: ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.SchemaGenSpec.INPUTS,
        executor.CURATED_KEY: ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }


class SequenceSchemaGen(base_component.BaseComponent):
    """Makes a schema of SequenceExamples that stock Transform, Trainer and TFXIO can read.

    It replaces stock SchemaGen, with the same input `statistics` and the same output `schema`. It adds
    TensorRepresentations under the features' plain names, without which stock Transform cannot read SequenceExamples;
    bounds on the length; and kinds and roles, so that SequenceTransform and SequenceTrainer need no other description.

    Args:
      statistics: A channel of `ExampleStatistics`.
      spec: What the data should be; inferred from the statistics if None. A `SequenceSpec`, or a dict of its fields.
      curated: A channel of a `Schema` that a person has written or edited, such as ImportSchemaGen's. It always wins:
        the output is that schema, with TensorRepresentations where it has none. How the data differs from it is logged,
        and kept in the output's property `differences`. Not together with `spec`.
      infer_feature_shape: As stock SchemaGen has it.
      exclude_splits: Splits whose statistics do not count. By default every split but `train`, so that a label that
        only the held-out data has is an anomaly rather than part of the schema; all splits count if none is `train`.

    Raises:
      ValueError: if both `spec` and `curated` are given.
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
    ):
        if spec is not None and curated is not None:
            raise ValueError(
                "`spec` and `curated` are both given; a curated schema holds its spec, so give one of them"
            )
        optional: dict[str, Any] = {}
        if spec is not None:
            optional[contract.SEQUENCE_SPEC] = arguments.parse_settings("spec", SequenceSpec, spec).to_json()
        if curated is not None:
            optional[executor.CURATED_KEY] = curated
        if isinstance(infer_feature_shape, bool):  # Stock's parameter is an int, or a RuntimeParameter.
            infer_feature_shape = int(infer_feature_shape)
        super().__init__(
            spec=SequenceSchemaGenSpec(
                statistics=statistics,
                schema=types.Channel(type=standard_artifacts.Schema),
                infer_feature_shape=infer_feature_shape,
                exclude_splits=json_utils.dumps(exclude_splits),
                **optional,
            )
        )
