"""Checks the arguments of components when a component is constructed, so that error messages name the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import pydantic

from tfx_sequence.schemas.records.rejects import abbreviate
from tfx_sequence.schemas.spec import describe_validation_error

_M = TypeVar("_M", bound=pydantic.BaseModel)


class SettingProblem(NamedTuple):
    """A setting that has a valid value but does not fit the data or another setting.

    Attributes:
      path: The place of the setting. It starts with the component's argument, which is also the name of a table in the
        config file, and continues with the keys in the table. An example is `("model", "heads", "intent", "kind")`. The
        path `("transform", "words")` means that `words` cannot have settings in `transform`.
      message: The description of the problem and of its solution.
    """

    path: tuple[str, ...]
    message: str

    @property
    def key(self) -> str:
        """The path as a string with dots, such as `model.heads.intent.kind`."""
        return ".".join(self.path)


def parse_settings(argument: str, kind: type[_M], value: Any) -> _M:
    """Returns an instance of the settings class `kind`.

    Args:
      argument: The name of the component's argument, for error messages.
      kind: The class of the settings.
      value: An instance of `kind`, which is returned unchanged, or a dict of its fields.

    Raises:
      TypeError: if `value` is neither an instance nor a dict.
      ValueError: if a field of the dict is unknown or has an invalid value.
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
    """Parses a dict of name to settings. If `values` is None, returns an empty dict.

    Args:
      argument: The name of the component's argument, for error messages.
      kind: The class of the settings.
      values: A dict of name to an instance of `kind` or to a dict of its fields.

    Raises:
      TypeError: if `values` is not a mapping, or one of its values has the wrong type.
      ValueError: if a field of a dict is unknown or has an invalid value.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise TypeError(f"`{argument}` is {_describe(values)}, expected a dict of names and {kind.__name__}")
    return {name: parse_settings(f"{argument}[{name!r}]", kind, value) for name, value in values.items()}


def check_names(argument: str, value: Any) -> list[str]:
    """Returns the names as a list.

    Raises:
      TypeError: if `value` is not a sequence of strings. A single string is also an error, because Python would treat
        it as a sequence of its characters.
    """
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not all(isinstance(name, str) for name in value):
        raise TypeError(f"`{argument}` is {_describe(value)}, expected a list of names")
    return list(value)


def check_custom_config(value: Any, reserved: Sequence[str]) -> dict[str, Any]:
    """Returns a user's `custom_config` as a new dict. If `value` is None, the dict is empty.

    Args:
      value: The argument `custom_config`.
      reserved: The keys under which the component passes its own arguments to the executor.

    Raises:
      TypeError: if `value` is not a dict.
      ValueError: if the dict has a reserved key. The component would overwrite its value.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"`custom_config` is {_describe(value)}, expected a dict")
    for key in reserved:
        if key in value:
            raise ValueError(f"`custom_config` has the key {key!r}; pass its value as the argument `{key}`")
    return dict(value)


def _describe(value: Any) -> str:
    """Describes a value for an error message by its shortened text and its type."""
    return f"{abbreviate(value)}, of the type {type(value).__name__}"
