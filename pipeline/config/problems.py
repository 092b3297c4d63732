"""What is wrong with a config, in the words of the file that it was written in."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pydantic


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing wrong with a config.

    Attributes:
      key: The key's path as TOML writes it, such as `training.epochs`; empty for the file as a whole.
      message: What is allowed there, or what to do.
      given: The value as TOML or JSON would write it; None where showing it would not help.
    """

    key: str
    message: str
    given: str | None = None

    def __str__(self) -> str:
        """One line: `training.epochs = 0: must be greater than or equal to 1`."""
        subject = self.key if self.given is None else f"{self.key} = {self.given}"
        return f"{subject}: {self.message}" if subject else self.message


class ConfigError(ValueError):
    """A config file that cannot be used. Its message names the file and lists every problem, one a line."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        """Lists `problems` under the name of `file`."""
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        """The file, then its problems: on the same line if there is only one."""
        if len(self.problems) == 1:
            return f"{self.file}: {self.problems[0]}"
        return "\n  ".join([f"{self.file}: {len(self.problems)} problems", *map(str, self.problems)])


class Contradictions(ValueError):
    """Settings that are each allowed and do not go together. Raised within pydantic, which keeps it in `ctx`."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Holds all of them."""
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def problems_in(error: pydantic.ValidationError, model: type[pydantic.BaseModel]) -> Iterator[Problem]:
    """Puts pydantic's errors about `model` into the words of the file."""
    for detail in error.errors(include_url=False):
        reason = detail.get("ctx", {}).get("error")
        if isinstance(reason, Contradictions):
            yield from reason.problems
        else:
            yield _problem(detail, model)


def _problem(detail: Mapping[str, Any], model: type[pydantic.BaseModel]) -> Problem:
    # pydantic marks an error about a table's key, not its value, by this last item.
    location = [item for item in detail["loc"] if item != "[key]"]
    key = dotted(location)
    if detail["type"] == "missing":
        return Problem(key, "required, but not given")
    if detail["type"] == "extra_forbidden":
        return Problem(key, _unknown(location, model))
    message = re.sub(r"^(Input|String|Value|Dictionary|Tuple) should ", "must ", detail["msg"])
    message = (
        message.removeprefix("Value error, ").replace("an object", "a table").replace("a valid dictionary", "a table")
    )
    return Problem(key, message, shown(detail["input"]) if location == list(detail["loc"]) else None)


def dotted(location: list[str | int]) -> str:
    """A path as TOML writes it: `transform.tokens.affixes[1]`, with quotes where a bare key cannot stand."""
    parts = (f"[{item}]" if isinstance(item, int) else f".{_bare_or_quoted(item)}" for item in location)
    return "".join(parts).removeprefix(".")


def shown(value: Any) -> str | None:
    """A value as TOML writes it, cut at 200 characters; None for a table, whose keys the message names."""
    if isinstance(value, Mapping | pydantic.BaseModel):
        return None
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:197]}..."


def _bare_or_quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _unknown(location: list[str | int], model: type[pydantic.BaseModel]) -> str:
    key = str(location[-1])
    known = list(_table(model, location[:-1]).model_fields)
    near = difflib.get_close_matches(key, known) or [path for path in _paths(model) if path.endswith(f".{key}")]
    if near:
        return f"unknown key; did you mean {' or '.join(near)}?"
    return f"unknown key; the keys here are {', '.join(known)}"


def _table(model: type[pydantic.BaseModel], location: list[str | int]) -> type[pydantic.BaseModel]:
    """The model of the table at `location`, found through fields, optional fields and tables of tables."""
    for item in location:
        field = model.model_fields.get(str(item))
        # In a table of tables the item is a name that the user chose: the model stays.
        model = model if field is None else next(_models(field.annotation), model)
    return model


def _models(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    """The models that an annotation names: `X`, `X | None`, `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _paths(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key that a file may have, as a path; a name that the user chooses is `<name>`."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = next(_models(field.annotation), None)
        if inner is None:
            yield path
        else:
            named = ".<name>" if "dict" in str(field.annotation) else ""
            yield from _paths(inner, f"{path}{named}.")
