"""Converts the text of a cell to the str, int or float that its feature needs, for all text formats."""

from __future__ import annotations

import math
import re
from typing import Any

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.records.value_codecs import hint_at_missing
from tfx_sequence.schemas.spec import Feature

# Python's int() and float() also accept `1_000`, surrounding spaces and the digits of other scripts, so they are not
# enough as a check.
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.I)

_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]{1,3}(\.?[0-9]{3})*,[0-9]+|[+-]?[0-9]+,[0-9]+", re.ASCII)

_MAX_INTEGER_LENGTH = 1000
"""The length from which on an integer is not parsed. An int64 has no more than 19 digits, and Python refuses to parse
integer text of more than 4,300 digits."""

MISSING = frozenset({"", "_", "?", "NA", "NULL", "null"})
"""The cells that mean a missing number, in addition to `nan`. CSV, CoNLL-U, `.ts`, R and databases write them."""


def is_missing(value: Any) -> bool:
    """Returns whether a value is None or NaN. Both mean a missing number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def parse_cell(name: str, feature: Feature, text: str) -> Any:
    """Parses a cell as a str, int or float. A missing number becomes NaN if the feature allows missing numbers.

    Args:
      name: The name of the feature, for error messages.
      feature: The feature, whose dtype determines the type of the result.
      text: The text of the cell.

    Raises:
      BadRecordError: if the feature needs a number and the text is not one, or if a label has no text.
    """
    if feature.dtype == "string":
        if not text and feature.role == "label":
            raise make_empty_label_error(name)
        return text
    if feature.dtype == "int64":
        if _INTEGER.fullmatch(text) and len(text) < _MAX_INTEGER_LENGTH:
            return int(text)
    elif _FLOAT.fullmatch(text):
        return float(text)
    elif feature.missing and text in MISSING:
        return math.nan
    hint = hint_at_missing(feature) if text in MISSING else ""
    if _DECIMAL_COMMA.fullmatch(text):
        hint = " with a decimal point; this one has a decimal comma, so convert the file"
    expected = "an integer" if feature.dtype == "int64" else "a number"
    raise bad_record(Reason.WRONG_TYPE, f"`{name}` is {text[:60]!r}, expected {expected}{hint}")


def make_empty_label_error(name: str) -> BadRecordError:
    """Makes the error for a label whose cell is empty. It has no value, and is not a class with an empty name."""
    return bad_record(Reason.MISSING_FEATURE, f"`{name}` is empty, but a record to learn from needs its label")
