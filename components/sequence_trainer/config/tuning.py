"""Defines the settings of a Tuner, which trains models with random settings and keeps the best."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.schemas.contract import MODEL, TRAINING
from tfx_sequence.schemas.spec import Count, CountOrZero, Frozen

_TABLES: Mapping[str, type[pydantic.BaseModel]] = {MODEL: ModelConfig, TRAINING: TrainingConfig}
"""The tables whose settings can be tried."""


class Range(Frozen):
    """A range of numbers.

    Attributes:
      min: The minimum.
      max: The maximum. For a setting that is an integer, such as `model.units`, all integers from `min` to `max` are
        possible.
      log: Whether numbers are drawn uniformly on a logarithmic scale. Each order of magnitude is then equally likely.
    """

    min: float
    max: float
    log: bool = False

    @pydantic.field_validator("max")
    @classmethod
    def _check_max(cls, maximum: float, info: pydantic.ValidationInfo) -> float:
        minimum = info.data.get("min")
        if minimum is not None and minimum > maximum:
            raise ValueError(f"must be at least min, which is {minimum:g}")
        return maximum

    @pydantic.field_validator("log")
    @classmethod
    def _check_log(cls, log: bool, info: pydantic.ValidationInfo) -> bool:
        if log and info.data.get("min", 1) <= 0:
            raise ValueError(f"needs min > 0, but min is {info.data['min']:g}")
        return log


def _choose_form(choices: Any) -> str:
    """Returns the form of the values to try, so that an error is about this form only."""
    return "range" if isinstance(choices, Mapping | Range) else "list"


_Choices = Annotated[
    Annotated[tuple[Any, ...], pydantic.Tag("list")] | Annotated[Range, pydantic.Tag("range")],
    pydantic.Discriminator(_choose_form),
]


class TuningConfig(Frozen):
    """The trials of a Tuner, each of which trains a model with random settings.

    Attributes:
      space: Maps settings, such as `model.units` or `training.learning_rate`, to the values to try: a list of values or
        a range of numbers.
      trials: The number of trials.
      seed: The seed of the random choice of settings.
    """

    space: Annotated[dict[str, _Choices], pydantic.Field(min_length=1)]
    trials: Count = 10
    seed: CountOrZero = 1

    @pydantic.field_validator("space")
    @classmethod
    def _check_space(cls, space: dict[str, tuple[Any, ...] | Range]) -> dict[str, tuple[Any, ...] | Range]:
        return {name: _check_choices(name, choices) for name, choices in space.items()}


def is_integer(setting: str) -> bool:
    """Returns whether a setting, such as `model.units`, is an integer."""
    return "integer" in _list_types(_make_adapter(setting))


def _check_choices(setting: str, choices: tuple[Any, ...] | Range) -> tuple[Any, ...] | Range:
    """Checks the values to try of one setting, and converts those of a list to the type of the setting.

    Raises:
      ValueError: if there is no such setting, if it cannot have one of the values, or if its values have scores that
        cannot be compared.
    """
    if setting == f"{TRAINING}.monitor":
        raise ValueError(
            f"{setting} cannot be tried: it says what the score of a trial is, and the scores of different metrics "
            "cannot be compared"
        )
    adapter = _make_adapter(setting)
    if isinstance(choices, Range):
        if not {"integer", "number"}.intersection(_list_types(adapter)):
            raise ValueError(f"{setting} is not a number, so it cannot have a range: list its values")
        for bound in (choices.min, choices.max):
            _check_value(setting, bound, adapter)
        return choices
    if not choices:
        raise ValueError(f"{setting} needs at least one value to try")
    return tuple(_check_value(setting, value, adapter) for value in choices)


def _check_value(setting: str, value: Any, adapter: pydantic.TypeAdapter[Any]) -> Any:
    """Returns a value in the type of a setting."""
    try:
        checked = adapter.validate_python(value)
    except pydantic.ValidationError as error:
        (first, *_) = error.errors()
        raise ValueError(f"{setting} cannot be {value!r}: {first['msg']}") from None
    if isinstance(checked, float) and not math.isfinite(checked):
        raise ValueError(f"{setting} cannot be {value!r}: it must be a finite number")
    if not isinstance(checked, bool | int | float | str):
        raise ValueError(f"{setting} cannot be tried with {value!r}: only texts, numbers, true and false can")
    return checked


def _make_adapter(setting: str) -> pydantic.TypeAdapter[Any]:
    """Makes the validator of one setting.

    Validators that compare a setting with others are left out, because a trial changes several settings together.

    Raises:
      ValueError: if there is no such setting.
    """
    fields = _list_fields()
    if setting not in fields:
        raise ValueError(f"there is no setting {setting!r}; {_suggest_setting(setting, fields)}")
    field = fields[setting]
    annotation: Any = field.annotation
    if field.metadata:
        annotated: Any = Annotated
        arguments = (annotation, *field.metadata)
        annotation = annotated[arguments]
    return pydantic.TypeAdapter(annotation)


def _list_fields() -> dict[str, Any]:
    """Maps the names of all settings that can be tried, such as `model.units`, to their fields in pydantic."""
    fields: dict[str, Any] = {}
    for table, model in _TABLES.items():
        fields |= {f"{table}.{key}": field for key, field in model.model_fields.items()}
    return fields


def _suggest_setting(name: str, settings: Iterable[str]) -> str:
    """Returns the end of a message about a setting that does not exist: the setting that is probably meant."""
    # A name without its table, such as `units`, is found too.
    setting_by_key = {setting.partition(".")[2]: setting for setting in settings}
    close_matches = difflib.get_close_matches(name, [*settings, *setting_by_key], n=1)
    if not close_matches:
        return "see the keys of [model] and [training]"
    match = close_matches[0]
    return f"did you mean {setting_by_key.get(match, match)!r}?"


def _list_types(adapter: pydantic.TypeAdapter[Any]) -> set[str]:
    """Returns the names in JSON Schema of the types of a value, such as `integer` and `null`."""
    schema = adapter.json_schema()
    return {part["type"] for part in schema.get("anyOf", [schema]) if "type" in part}
