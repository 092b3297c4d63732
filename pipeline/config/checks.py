"""Finds settings of a config that contradict each other, although each of them is allowed.

pydantic checks each table separately. This module has the checks that need more than one table. Some of these checks
are part of a component, and this module translates the problems that they find to keys of the TOML file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pydantic

from tfx_sequence.components.sequence_evaluator.config_checks import (
    find_metric_problems,
    find_slice_problems,
    find_threshold_problems,
)
from tfx_sequence.components.sequence_evaluator.metric_table import list_metrics
from tfx_sequence.components.sequence_example_gen.readers.table import makes_pieces
from tfx_sequence.components.sequence_trainer.config import checks as model_checks
from tfx_sequence.components.sequence_transform.config import make_transformed_spec
from tfx_sequence.components.sequence_transform.config_checks import find_contradictions as transform_contradictions
from tfx_sequence.components.sequence_transform.config_checks import find_cut_problems
from tfx_sequence.pipeline.config.problems import Problem, format_key, format_value, translate_errors
from tfx_sequence.schemas.spec import SequenceSpec

if TYPE_CHECKING:
    from tfx_sequence.pipeline.config.tables import Config

_REQUIRED_SPLITS = ("train", "eval")
"""The splits that the trainer needs. It trains on the first one, and evaluates each epoch on the second one."""


def find_contradictions(config: Config) -> Iterator[Problem]:
    """Yields all contradictions of a config, table by table."""
    try:
        spec = config.spec
    except pydantic.ValidationError as error:
        # Most of the other checks need the spec.
        yield from _translate_spec_errors(error, config)
        yield from _check_splits(config)
        return
    transformed = make_transformed_spec(spec, config.transform)
    yield from _check_roles(spec, transformed)
    yield from _check_transform(config, spec)
    yield from _check_model(config, transformed)
    yield from _check_splits(config)
    yield from _check_evaluation(config, transformed)


def _translate_spec_errors(error: pydantic.ValidationError, config: Config) -> Iterator[Problem]:
    """Yields the errors about a SequenceSpec, which is made from the tables `features` and `sequence` of a config."""
    for problem in translate_errors(error, SequenceSpec):
        table = "sequence." if problem.key in type(config.sequence).model_fields else ""
        yield Problem(f"{table}{problem.key}" or "features, sequence", problem.message, problem.value)


def _check_roles(spec: SequenceSpec, transformed: SequenceSpec) -> Iterator[Problem]:
    """Checks that there is an input and a label, and that no label is an input too."""
    for role in ("input", "label"):
        if not transformed.with_role(role):
            yield Problem("features", f'at least one feature must have role = "{role}"; none has')
    for label, label_feature in spec.with_role("label").items():
        for name, feature in spec.with_role("input").items():
            if spec.source(name) == spec.source(label) and feature.context == label_feature.context:
                key = format_key(["features", label, "source"])
                message = f"what is to be predicted cannot be an input too, and {name} is"
                yield Problem(key, message, format_value(spec.source(label)))


def _check_transform(config: Config, spec: SequenceSpec) -> Iterator[Problem]:
    """Checks that the settings in `transform` and `numbers` fit the features with the same names."""
    read = config.data.read_config
    problems = [
        *transform_contradictions(spec, config.transform, config.numbers),
        *find_cut_problems(config.transform, config.sequence.max_steps, makes_pieces(read), read.truncated_to),
    ]
    for problem in problems:
        value: Any = config.model_dump(mode="json")
        for key in problem.path:
            value = value[key]
        yield Problem(format_key(problem.path), problem.message, format_value(value))


def _check_model(config: Config, transformed: SequenceSpec) -> Iterator[Problem]:
    """Checks that the model fits the transformed features, and that training in windows fits the model."""
    for name in model_checks.find_unserved_inputs(transformed.with_role("input")):
        yield Problem(format_key(["features", name]), model_checks.INPUT_NAME_RULE)
    for name, message in model_checks.find_name_problems(transformed):
        yield Problem(format_key(["features", name]), message)
    for problem in model_checks.find_contradictions(transformed, config.model):
        yield Problem(format_key(problem.path), problem.message)
    window = config.training.window
    if window is not None:
        for message in model_checks.find_window_problems(config.model, transformed.with_role("label")):
            yield Problem("training.window", message, format_value(window))


def _check_splits(config: Config) -> Iterator[Problem]:
    """Checks that the splits and features exist that other settings name."""
    splits = config.data.splits
    if config.data.is_given_in_splits and "split" in config.data.model_fields_set:
        yield Problem("data.split", "goes with one pattern in data.files; data.files already names the splits")
    for name in _REQUIRED_SPLITS:
        if name not in splits:
            key = "data.files" if config.data.is_given_in_splits else "data.split.shares"
            yield Problem(key, f"there must be a split {name!r}; there are {', '.join(splits)}")
    uses = {"evaluation.splits": config.evaluation.splits, "serving.infer": config.serving.infer}
    for key, names in uses.items():
        for name in names:
            if name not in splits:
                yield Problem(key, f"no split {name!r}; there are {', '.join(splits)}", format_value(names))
    for name in config.data.split.features:
        if name not in config.features:
            message = f"no feature {name!r}; there are {', '.join(config.features)}"
            yield Problem("data.split.features", message, format_value(config.data.split.features))


def _check_evaluation(config: Config, transformed: SequenceSpec) -> Iterator[Problem]:
    """Checks that metrics fit the labels, that thresholds are for existing metrics, and that slices name features."""
    evaluation = config.evaluation
    metric_problems = list(find_metric_problems(transformed, evaluation.metrics))
    for _, message in metric_problems:
        yield Problem("evaluation.metrics", message, format_value(evaluation.metrics))
    # Thresholds can be checked only if all metrics are known.
    if not metric_problems:
        metrics = list_metrics(transformed, additional=evaluation.metrics)
        for name, message in find_threshold_problems(metrics, evaluation.thresholds):
            yield Problem(format_key(["evaluation", "thresholds", name]), message)
    for _, message in find_slice_problems(transformed, evaluation.slices):
        yield Problem("evaluation.slices", message, format_value(evaluation.slices))
