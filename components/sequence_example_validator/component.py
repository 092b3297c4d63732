"""The SequenceExampleValidator component."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import get_args

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from tfx_sequence.components.sequence_example_validator import executor
from tfx_sequence.components.sequence_example_validator.severity import Severity, check_severities
from tfx_sequence.components.sequence_example_validator.verdict import FailOn


class SequenceExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """The channels of stock ExampleValidator, and optional ones for examples and other statistics."""

    PARAMETERS = {  # noqa: RUF012  (TFX's own form)
        standard_component_specs.EXCLUDE_SPLITS_KEY: ExecutionParameter(type=str),
        executor.FAIL_ON_KEY: ExecutionParameter(type=str),
        executor.SEVERITIES_KEY: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.ExampleValidatorSpec.INPUTS,
        executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples, optional=True),
        executor.BASELINE_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        executor.SERVING_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }


class SequenceExampleValidator(base_beam_component.BaseBeamComponent):
    """Validates SequenceExamples and their statistics against a schema, and stops the pipeline where they fail.

    It stands in for stock ExampleValidator: the same inputs `statistics` and `schema`, the same output `anomalies`.
    Stock writes anomalies and lets the pipeline go on; this component fails after it has written all of them. Given the
    examples, it also finds what statistics do not show (tokens and labels of unequal length, a step without a value,
    a broken span, a key used twice, ...) and names the records.

    Args:
      statistics: A channel of `ExampleStatistics`.
      schema: A channel of `Schema`.
      examples: A channel of `Examples` with payload format FORMAT_TF_SEQUENCE_EXAMPLE, those of the statistics.
      baseline_statistics: A channel of `ExampleStatistics` of data that these should be like, such as the previous
        span; compared where the schema has drift comparators.
      serving_statistics: A channel of `ExampleStatistics` of what the model is asked; compared where the schema has
        skew comparators.
      exclude_splits: Splits that are not validated; none by default.
      fail_on: The least severity that stops the pipeline: `error`, `warning`, or `never`.
      severities: Rule to severity: `error`, `warning` or `off`. A rule is a reason of a record check, such as
        `unequal_lengths`, or a type of TFDV's anomalies, such as `SCHEMA_NEW_COLUMN`.

    Raises:
      ValueError: if `fail_on`, or a rule or severity of `severities`, is unknown.
    """

    SPEC_CLASS = SequenceExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        examples: types.BaseChannel | None = None,
        baseline_statistics: types.BaseChannel | None = None,
        serving_statistics: types.BaseChannel | None = None,
        exclude_splits: list[str] | None = None,
        fail_on: FailOn = "error",
        severities: Mapping[str, Severity] | None = None,
    ):
        if fail_on not in get_args(FailOn):
            raise ValueError(f"`fail_on` is {fail_on!r}, expected one of {', '.join(map(repr, get_args(FailOn)))}")
        check_severities(severities or {})
        optional_inputs = {
            executor.EXAMPLES_KEY: examples,
            executor.BASELINE_KEY: baseline_statistics,
            executor.SERVING_KEY: serving_statistics,
        }
        super().__init__(
            spec=SequenceExampleValidatorSpec(
                statistics=statistics,
                schema=schema,
                exclude_splits=json_utils.dumps(exclude_splits or []),
                fail_on=fail_on,
                severities=json.dumps(dict(severities or {}), sort_keys=True),
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
                # TFX takes the value None for a channel of the wrong type.
                **{key: channel for key, channel in optional_inputs.items() if channel is not None},
            )
        )
