"""Describes the problems of a config. Messages name keys as they are written in TOML, not as attributes of Python."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import pydantic

_MAX_VALUE_LENGTH = 200
"""The maximum number of characters of a value in a message. They are enough to find the value in the file."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One problem of a config.

    Attributes:
      key: The key in TOML with the names of its tables, such as `training.epochs`. Empty if the problem is about the
        whole file.
      message: What is allowed for this key, or what to do.
      value: The value as it is written in TOML or JSON. None if the message does not need it.
    """

    key: str
    message: str
    value: str | None = None

    def __str__(self) -> str:
        """Returns one line: `training.epochs = 0: must be greater than or equal to 1`."""
        subject = self.key if self.value is None else f"{self.key} = {self.value}"
        return f"{subject}: {self.message}" if subject else self.message


class ConfigError(ValueError):
    """A config file cannot be used. The message names the file and lists all problems, one per line."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        """Returns the file and its problems. If there is only one problem, the message is one line."""
        if len(self.problems) == 1:
            return f"{self.file}: {self.problems[0]}"
        return "\n  ".join([f"{self.file}: {len(self.problems)} problems", *map(str, self.problems)])


class ContradictionError(ValueError):
    """Settings contradict each other, although each of them is allowed.

    It is raised in a validator of pydantic, which stores it in the field `ctx` of a ValidationError.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def translate_errors(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> Iterator[Problem]:
    """Yields pydantic's errors about a model as problems, whose messages use the terms of TOML."""
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ContradictionError):
            yield from cause.problems
        else:
            yield _translate_error(detail, model)


def format_key(path: Sequence[str | int]) -> str:
    """Formats a path as TOML writes it, such as `transform.tokens.affixes[1]`.

    A key with characters that TOML does not allow in a bare key is quoted.
    """
    parts = (f"[{item}]" if isinstance(item, int) else f".{_quote_if_needed(item)}" for item in path)
    return "".join(parts).removeprefix(".")


def format_value(value: Any) -> str | None:
    """Formats a value as TOML writes it. A value with more than 200 characters is cut.

    Returns None for a table, because the message names the key in the table.
    """
    if isinstance(value, Mapping | pydantic.BaseModel):
        return None
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_VALUE_LENGTH else f"{text[: _MAX_VALUE_LENGTH - 3]}..."


def _translate_error(detail: Mapping[str, Any], model: type[pydantic.BaseModel]) -> Problem:
    # If an error is about a key of a table and not about its value, pydantic adds "[key]" to the end of the path.
    path = [item for item in detail["loc"] if item != "[key]"]
    is_about_value = len(path) == len(detail["loc"])
    key = format_key(path)
    if detail["type"] == "missing":
        return Problem(key, "required, but not given")
    if detail["type"] == "extra_forbidden":
        return Problem(key, _describe_unknown_key(path, model))
    value = format_value(detail["input"]) if is_about_value else None
    return Problem(key, _translate_message(detail["msg"]), value)


def _translate_message(message: str) -> str:
    """Replaces the terms of pydantic by those of TOML: `Input should be an object` becomes `must be a table`."""
    message = re.sub(r"^(Input|String|Value|Dictionary|Tuple) should ", "must ", message)
    message = message.removeprefix("Value error, ")
    return message.replace("an object", "a table").replace("a valid dictionary", "a table")


def _quote_if_needed(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _describe_unknown_key(path: Sequence[str | int], model: type[pydantic.BaseModel]) -> str:
    """Returns a message that suggests keys of the same table with a similar spelling, or the same key in other tables.

    If there are no such keys, it lists all keys of the table.
    """
    key = str(path[-1])
    keys_of_table = list(_find_table(model, path[:-1]).model_fields)
    suggestions = difflib.get_close_matches(key, keys_of_table)
    if not suggestions:
        suggestions = [other for other in _list_keys(model) if other.endswith(f".{key}")]
    if suggestions:
        return f"unknown key; did you mean {' or '.join(suggestions)}?"
    return f"unknown key; the keys here are {', '.join(keys_of_table)}"


def _find_table(model: type[pydantic.BaseModel], path: Sequence[str | int]) -> type[pydantic.BaseModel]:
    """Returns the model of the table at a path, by following the fields of `model`."""
    for item in path:
        field = model.model_fields.get(str(item))
        # `features` is a table of tables. An item after `features` is a name that the user chose, not a field. The step
        # to `features` has already led to the model of its tables, so the model stays the same.
        if field is not None:
            model = next(_find_models(field.annotation), model)
    return model


def _find_models(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """Yields the models in an annotation, such as `X` in `X`, `X | None` and `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _find_models(argument)


def _list_keys(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[str]:
    """Yields the path of every key that a file may have, with `<name>` in place of a name that the user chooses."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner_model = next(_find_models(field.annotation), None)
        if inner_model is None:
            yield path
        else:
            name_of_user = ".<name>" if "dict" in str(field.annotation) else ""
            yield from _list_keys(inner_model, f"{path}{name_of_user}.")
