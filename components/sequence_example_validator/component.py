"""Defines the SequenceExampleValidator component, which replaces stock ExampleValidator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import get_args

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from tfx_sequence.components.own_code.fingerprint import fingerprint_code
from tfx_sequence.components.sequence_example_validator import executor
from tfx_sequence.components.sequence_example_validator.severity import Severity, check_severities
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.schemas.checks.rules import RULES
from tfx_sequence.schemas.contract import CODE


class SequenceExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """The channels of stock ExampleValidator, and optional channels for examples and for statistics to compare with."""

    PARAMETERS = {  # noqa: RUF012  (TFX requires this form.)
        standard_component_specs.EXCLUDE_SPLITS_KEY: ExecutionParameter(type=str),
        executor.FAIL_ON_KEY: ExecutionParameter(type=str),
        executor.SEVERITIES_KEY: ExecutionParameter(type=str),
        CODE: ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        **standard_component_specs.ExampleValidatorSpec.INPUTS,
        executor.EXAMPLES_KEY: ChannelParameter(type=standard_artifacts.Examples, optional=True),
        executor.BASELINE_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        executor.SERVING_KEY: ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }


class SequenceExampleValidator(base_beam_component.BaseBeamComponent):
    """Validates SequenceExamples and their statistics against a schema, and stops the pipeline if they are invalid.

    The component replaces stock ExampleValidator. It has the same inputs `statistics` and `schema` and the same output
    `anomalies`. Stock ExampleValidator writes anomalies and lets the pipeline continue. This component also writes all
    anomalies, and then fails if one of them is severe enough.

    If `examples` are given, the component also finds errors that statistics do not show. Examples are tokens and labels
    of unequal length, a step without a value, a broken span, or a key that occurs twice. It names the invalid records.

    Args:
      statistics: A channel of `ExampleStatistics`.
      schema: A channel of `Schema`.
      examples: A channel of the `Examples` from which the statistics were computed, with the payload format
        FORMAT_TF_SEQUENCE_EXAMPLE.
      baseline_statistics: A channel of `ExampleStatistics` of similar data, such as the previous span. A feature is
        compared with these statistics if the schema has a drift comparator for the feature.
      serving_statistics: A channel of `ExampleStatistics` of the requests to the served model. A feature is compared
        with these statistics if the schema has a skew comparator for the feature.
      exclude_splits: The splits that are not validated. By default all splits are validated.
      fail_on: The minimum severity that stops the pipeline, `error` or `warning`. With `never` the pipeline continues.
      severities: A dict of rule to severity, which is `error`, `warning` or `off`. A rule is the reason of a record
        check, such as `unequal_lengths`, or a type of TFDV's anomalies, such as `SCHEMA_NEW_COLUMN`.

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
                code=json.dumps(fingerprint_code(RULES.find_row(name).target for name in RULES.list_names())),
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
                # A channel that is None must be left out, because TFX would raise an error about its type.
                **{key: channel for key, channel in optional_inputs.items() if channel is not None},
            )
        )
