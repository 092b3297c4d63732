"""Arguments of components, looked at when a component is made: what is wrong then names the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pydantic

from tfx_sequence.schemas.records.rejects import abbreviate
from tfx_sequence.schemas.spec import describe_validation_error

_M = TypeVar("_M", bound=pydantic.BaseModel)


def settings(argument: str, kind: type[_M], given: Any) -> _M:
    """Settings as they were given, or made of a dict of them.

    Raises:
      TypeError: if they are neither.
      ValueError: if a field of the dict is unknown or has a value that is not allowed.
    """
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"`{argument}` is {_described(given)}, expected a {kind.__name__} or a dict of its fields")
    try:
        return kind.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise ValueError(f"`{argument}`: {describe_validation_error(error)}") from None


def settings_of_each(argument: str, kind: type[_M], given: Mapping[str, Any] | None) -> dict[str, _M]:
    """Name to settings; none if there are None.

    Raises:
      TypeError: if it is no mapping, or some settings are of another type.
      ValueError: as in `settings`.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"`{argument}` is {_described(given)}, expected a dict of names and {kind.__name__}")
    return {name: settings(f"{argument}[{name!r}]", kind, value) for name, value in (given or {}).items()}


def names(argument: str, given: Any) -> list[str]:
    """A list of names. A text alone would be taken for the list of its letters.

    Raises:
      TypeError: if it is anything else.
    """
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"`{argument}` is {_described(given)}, expected a list of names")
    return list(given)


def custom_config(given: Any, taken: Sequence[str]) -> dict[str, Any]:
    """A `custom_config` without the keys that a component's own arguments are handed on under.

    Raises:
      TypeError: if it is no dict.
      ValueError: if it has such a key, whose value would be lost.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"`custom_config` is {_described(given)}, expected a dict")
    for key in taken:
        if key in given:
            raise ValueError(f"`custom_config` has the key {key!r}; give that as the argument `{key}`")
    return dict(given)


def _described(value: Any) -> str:
    return f"{abbreviate(value)}, of the type {type(value).__name__}"
