"""Writes a spec as the tables of a TOML file, and reads it back.

The tables are those of a pipeline's config: `[features.<name>]`, and `[sequence]` for the bounds on whole records.
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
    """Writes a spec as TOML. Fields that have their default are left out."""
    tables = spec.model_dump(mode="json", exclude_defaults=True)
    features = tables.pop(_FEATURES)
    lines: list[str] = []
    for name in spec.features:
        lines += _write_table(f"{_FEATURES}.{_quote_key(name)}", features[name])
    if tables:
        lines += _write_table(_SEQUENCE, tables)
    return "\n".join(lines[:-1]) + "\n"  # The last table needs no empty line after it.


def from_toml(text: str) -> SequenceSpec:
    """Reads a spec from the tables `[features.<name>]` and `[sequence]`. Other tables are ignored.

    Raises:
      ValueError: if the text is not TOML, or not that of a spec.
    """
    tables = tomllib.loads(text)
    return SequenceSpec.model_validate({_FEATURES: tables.get(_FEATURES, {}), **tables.get(_SEQUENCE, {})})


def _write_table(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{name}]"
    yield from (f"{key} = {_write_value(value)}" for key, value in values.items())
    yield ""


def _quote_key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _write_value(name)


def _write_value(value: Any) -> str:
    """Writes a string, number or truth value: JSON writes them as TOML does, but for the character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
