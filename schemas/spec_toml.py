"""A spec as the tables of a TOML file, and back.

The tables are those of a pipeline's config: `[features.<name>]`, and `[sequence]` for what holds for whole records.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.schemas.spec import SequenceSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FEATURES, _SEQUENCE = "features", "sequence"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(spec: SequenceSpec) -> str:
    """The text that `from_toml` reads back. What is as by default is left out."""
    tables = spec.model_dump(mode="json", exclude_defaults=True)
    features = tables.pop(_FEATURES)
    lines = [line for name in spec.features for line in _table(f"{_FEATURES}.{_key(name)}", features[name])]
    if tables:
        lines += _table(_SEQUENCE, tables)
    return "\n".join(lines[:-1]) + "\n"


def from_toml(text: str) -> SequenceSpec:
    """Reads `[features.<name>]` and `[sequence]`; other tables are passed by.

    Raises:
      ValueError: if the text is not TOML, or not that of a spec.
    """
    tables = tomllib.loads(text)
    return SequenceSpec.model_validate({_FEATURES: tables.get(_FEATURES, {}), **tables.get(_SEQUENCE, {})})


def _table(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{name}]"
    yield from (f"{key} = {_value(value)}" for key, value in values.items())
    yield ""


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A string, number or truth value, which JSON writes as TOML does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
