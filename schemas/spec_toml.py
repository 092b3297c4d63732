"""Writes a spec as the tables of a TOML file, and reads it back.

The config of a pipeline has the same tables. `[features.<name>]` describes one feature, and `[sequence]` has the
bounds on whole records, such as `max_length`.
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
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(spec: SequenceSpec) -> str:
    """Returns a spec as TOML. Fields that have their default value are left out."""
    tables = spec.model_dump(mode="json", exclude_defaults=True)
    features = tables.pop(_FEATURES)
    lines: list[str] = []
    for name in spec.features:
        lines += _format_table(f"{_FEATURES}.{_quote_key(name)}", features[name])
    if tables:
        lines += _format_table(_SEQUENCE, tables)
    return "\n".join(lines[:-1]) + "\n"  # The last table needs no empty line after it.


def from_toml(text: str) -> SequenceSpec:
    """Reads a spec from the tables `[features.<name>]` and `[sequence]`. Other tables are ignored.

    Raises:
      ValueError: if the text is not valid TOML, or if its tables do not form a valid spec.
    """
    tables = tomllib.loads(text)
    return SequenceSpec.model_validate({_FEATURES: tables.get(_FEATURES, {}), **tables.get(_SEQUENCE, {})})


def _format_table(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of one table, with an empty line at the end."""
    yield f"[{name}]"
    yield from (f"{key} = {_format_value(value)}" for key, value in values.items())
    yield ""


def _quote_key(name: str) -> str:
    """Returns a name as a TOML key, in quotes if TOML requires them."""
    return name if _BARE_KEY.fullmatch(name) else _format_value(name)


def _format_value(value: Any) -> str:
    """Returns a string, a number or a bool as TOML."""
    # JSON and TOML write these values in the same way, except for the character DEL, which TOML requires to be escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
