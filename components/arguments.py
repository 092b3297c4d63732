"""Checks of component arguments, made at construction so that errors name the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import pydantic

from tfx_sequence.schemas.records.rejects import abbreviate
from tfx_sequence.schemas.spec import describe_validation_error

_M = TypeVar("_M", bound=pydantic.BaseModel)


class SettingProblem(NamedTuple):
    """A setting that is allowed by itself and does not fit the data or another setting.

    Attributes:
      path: The component's argument, which is also the name of the config file's table, and the keys within it:
        `("model", "heads", "intent", "kind")`, or `("transform", "words")` if `words` can have no settings there.
      message: What is wrong, and what to do.
    """

    path: tuple[str, ...]
    message: str

    @property
    def key(self) -> str:
        """The path as one text, such as `model.heads.intent.kind`."""
        return ".".join(self.path)


def parse_settings(argument: str, kind: type[_M], value: Any) -> _M:
    """Returns settings as they are, or makes them from a dict of their fields.

    Raises:
      TypeError: if `value` is neither.
      ValueError: if a field of the dict is unknown or has a value that is not allowed.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"`{argument}` is {_describe(value)}, expected a {kind.__name__} or a dict of its fields")
    try:
        return kind.model_validate(dict(value))
    except pydantic.ValidationError as error:
        raise ValueError(f"`{argument}`: {describe_validation_error(error)}") from None


def parse_settings_by_name(argument: str, kind: type[_M], values: Mapping[str, Any] | None) -> dict[str, _M]:
    """Parses a dict of name to settings; an empty dict if `values` is None.

    Raises:
      TypeError: if `values` is no mapping, or holds something of another type.
      ValueError: as in `parse_settings`.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise TypeError(f"`{argument}` is {_describe(values)}, expected a dict of names and {kind.__name__}")
    return {name: parse_settings(f"{argument}[{name!r}]", kind, value) for name, value in values.items()}


def check_names(argument: str, value: Any) -> list[str]:
    """Returns a list of names. A string alone is refused, as it would count as the list of its letters.

    Raises:
      TypeError: if `value` is anything but a sequence of strings.
    """
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not all(isinstance(name, str) for name in value):
        raise TypeError(f"`{argument}` is {_describe(value)}, expected a list of names")
    return list(value)


def check_custom_config(value: Any, reserved: Sequence[str]) -> dict[str, Any]:
    """Returns a user's `custom_config`; an empty dict if `value` is None.

    Args:
      value: What the user gave.
      reserved: The keys under which the component hands on its own arguments.

    Raises:
      TypeError: if `value` is no dict.
      ValueError: if it has a reserved key, whose value would be lost.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"`custom_config` is {_describe(value)}, expected a dict")
    for key in reserved:
        if key in value:
            raise ValueError(f"`custom_config` has the key {key!r}; give that as the argument `{key}`")
    return dict(value)


def _describe(value: Any) -> str:
    return f"{abbreviate(value)}, of the type {type(value).__name__}"
