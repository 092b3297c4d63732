"""Conversion of text to the value that a feature's kind asks for, shared by the text formats."""

from __future__ import annotations

import math
import re
from typing import Any

from tfx_sequence.schemas.records.rejects import Reason, bad_record
from tfx_sequence.schemas.records.value_codecs import hint_at_missing
from tfx_sequence.schemas.spec import Feature

# Python's own int() and float() also take `1_000`, surrounding space and the digits of other scripts.
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.I)

_MAX_INTEGER_LENGTH = 1000
"""Longer integers are not parsed: no int64 has more than 19 digits, and Python refuses to parse 4,300 of them."""

MISSING = frozenset({"", "_", "?", "NA", "NULL", "null"})
"""The cells that stand for a missing number, besides `nan`: in CSV, CoNLL-U, `.ts`, and what R and databases write."""


def is_missing(value: Any) -> bool:
    """Returns whether a value is None or NaN, as which missing numbers come."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def parse_cell(name: str, feature: Feature, text: str) -> Any:
    """Returns a cell as str, int or float; NaN for a number that is missing and may be.

    Raises:
      BadRecordError: if the text is not a number, and the feature needs one.
    """
    if feature.dtype == "string":
        return text
    if feature.dtype == "int64":
        if _INTEGER.fullmatch(text) and len(text) < _MAX_INTEGER_LENGTH:
            return int(text)
    elif _FLOAT.fullmatch(text):
        return float(text)
    elif feature.missing and text in MISSING:
        return math.nan
    hint = hint_at_missing(feature) if text in MISSING else ""
    expected = "an integer" if feature.dtype == "int64" else "a number"
    raise bad_record(Reason.WRONG_TYPE, f"`{name}` is {text[:60]!r}, expected {expected}{hint}")
