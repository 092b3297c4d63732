"""The SequenceExampleValidator component."""

from __future__ import annotations

from typing import get_args

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import json_utils

from tfx_sequence.components.sequence_example_validator import executor
from tfx_sequence.components.sequence_example_validator.verdict import FailOn


class SequenceExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """Stock ExampleValidator's channels, its splits, and the severity that fails the run."""

    PARAMETERS = {  # noqa: RUF012  (TFX's own form)
        standard_component_specs.EXCLUDE_SPLITS_KEY: ExecutionParameter(type=str),
        executor.FAIL_ON_KEY: ExecutionParameter(type=str),
    }


class SequenceExampleValidator(base_component.BaseComponent):
    """Validates statistics of SequenceExamples against a schema, and stops the pipeline where they fail.

    It stands in for stock ExampleValidator: the same inputs `statistics` and `schema`, the same output `anomalies`.
    Stock records anomalies and lets the pipeline go on; this component fails, after all of them are written.

    Args:
      statistics: A channel of `ExampleStatistics`.
      schema: A channel of `Schema`.
      exclude_splits: Splits that are not validated; none by default.
      fail_on: The least severity that stops the pipeline: `error`, `warning`, or `never`.

    Raises:
      ValueError: if `fail_on` is none of the three.
    """

    SPEC_CLASS = SequenceExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(  # noqa: D107
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        exclude_splits: list[str] | None = None,
        fail_on: FailOn = "error",
    ):
        if fail_on not in get_args(FailOn):
            raise ValueError(f"`fail_on` is {fail_on!r}, expected one of {', '.join(map(repr, get_args(FailOn)))}")
        super().__init__(
            spec=SequenceExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits=json_utils.dumps(exclude_splits or []),
                fail_on=fail_on,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
