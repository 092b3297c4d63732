"""Rejects: why a record is not accepted, where it is, and a sentence for the person who has to fix the data.

Whoever checks a record raises `BadRecordError` with a `Reject` inside. Whoever reads many records catches the error,
adds the place with `Reject.at`, and goes on. The reject travels as data (pickle, JSON) until somebody reports it.
"""

from __future__ import annotations

import enum
import itertools
import reprlib
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.schemas.spec import Frozen

EXCERPT_LENGTH = 200
"""The most characters of a bad record that a reject keeps: two lines of a terminal are enough to recognise it by."""

# A record may have thousands of features, and an excerpt has room for a few.
_EXCERPT_FEATURES = 50


class Reason(str, enum.Enum):
    """A code for why a record was not accepted. The values are stable, because artifacts hold them.

    Rules of installed packages have reasons of their own, which are plain strings; see `ReasonCode`.
    """

    MALFORMED = "malformed"
    """The text does not follow the format: a row with a column too few, broken JSON."""
    UNDECODABLE = "undecodable"
    """The bytes are not UTF-8, or a compressed file is cut off."""
    EMPTY_FILE = "empty_file"
    """The file holds no record at all."""
    MISSING_FEATURE = "missing_feature"
    """A feature of the spec is not in the record."""
    WRONG_TYPE = "wrong_type"
    """A value is not of the feature's kind, a vector has not the feature's width."""
    OUT_OF_RANGE = "out_of_range"
    """An integer does not fit int64."""
    NOT_FINITE = "not_finite"
    """A float is infinite, or becomes so as float32, or is NaN where no number may be missing."""
    DUPLICATE_KEY = "duplicate_key"
    """A name or a key occurs twice where it may occur once."""
    INCONSISTENT = "inconsistent"
    """A value that must be the same in all rows of a record is not."""
    UNEQUAL_LENGTHS = "unequal_lengths"
    """The sequence features of one record do not have the same number of steps."""
    EMPTY_SEQUENCE = "empty_sequence"
    """The record has no step, and the spec asks for some."""
    TOO_SHORT = "too_short"
    """The record has fewer steps than the spec's `min_length`."""
    TOO_LONG = "too_long"
    """The record has more steps than the spec's `max_length`."""
    EMPTY_STEP = "empty_step"
    """A step holds no value; readers that flatten steps drop it, and everything after it moves."""
    MULTIPLE_VALUES = "multiple_values"
    """A step, or a context feature, holds several values where there may be one."""
    OUTSIDE_DOMAIN = "outside_domain"
    """A value is not in the feature's closed set, or not within its bounds."""
    RESERVED_ID = "reserved_id"
    """An id is 0, which stands for padding and for nothing else."""
    TIME_REVERSED = "time_reversed"
    """A step is earlier than the step before it."""
    BROKEN_SPAN = "broken_span"
    """The tags of a span do not follow on from each other as their scheme has it."""

    def __str__(self) -> str:
        """Returns the value, as for the reasons that are plain strings."""
        return self.value


REASON_PATTERN = r"^[a-z][a-z0-9_]*$"
"""The form of a reason: it is a key of configs, and is shown to people with spaces for underscores."""

# The union is tried from the left, so that equal codes are equal objects, of one hash, whoever wrote them down.
ReasonCode = Annotated[
    Reason | Annotated[str, pydantic.StringConstraints(pattern=REASON_PATTERN)],
    pydantic.Field(union_mode="left_to_right"),
]
"""A `Reason`, or the code of a rule that an installed package adds, such as `too_many_urls`. `str` writes either."""


def _make_writable(text: Any) -> Any:
    """Replaces what UTF-8 cannot write, such as the half of a surrogate pair, which JSON can hold."""
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


class Reject(Frozen):
    """One record that was not accepted.

    Attributes:
      reason: The code of what is wrong.
      message: What was found and what was expected, for a person.
      file: The file that holds the record.
      line: The line of the file, from 1, where the fault is or the record begins; None for files without lines.
      offset: The byte of the (decompressed) file, from 0; None where another place is known.
      record: The record's position in the file, from 0; None in long form, where a record is made of rows.
      row: The position in the file, from 0, of the row where the fault is or the record begins; for long form only.
      key: The record's own name for itself: the values of the spec's features of role `key`.
      excerpt: The beginning of the record (in long form, of that row), at most `EXCERPT_LENGTH` characters.
    """

    reason: ReasonCode
    message: Annotated[str, pydantic.BeforeValidator(_make_writable)]
    file: str | None = None
    line: int | None = None
    offset: int | None = None
    record: int | None = None
    row: int | None = None
    key: str | None = None
    excerpt: str = ""

    def at(self, **place: object) -> Reject:
        """Returns a copy that also has the given `file`, `line`, `record`, `row`, `key` or `excerpt`.

        What the reject has already stays: who found the fault knows the place best.
        """
        missing = {name: _make_writable(value) for name, value in place.items() if getattr(self, name) in (None, "")}
        if isinstance(missing.get("excerpt"), str):
            missing["excerpt"] = clip(str(missing["excerpt"]))
        return self.model_copy(update=missing)

    def __str__(self) -> str:
        """Writes the place, the reason with the message, and the excerpt, a line each."""
        place = {name: getattr(self, name) for name in ("file", "line", "offset", "record", "row", "key")}
        if self.line is not None:
            del place["row"]  # Both are known of a text file, and an editor jumps to lines.
        where = ", ".join(f"{name} {value}" for name, value in place.items() if value is not None)
        start = "The record begins" if self.row is None else "There it reads"
        excerpt = f"{start}: {self.excerpt}" if self.excerpt else ""
        return "\n".join(line for line in (where, f"{self.reason}: {self.message}", excerpt) if line)


class BadRecordError(ValueError):
    """A record is not what its spec or its format says.

    Attributes:
      reject: The record's reason, place and message.
    """

    def __init__(self, reject: Reject, message: str | None = None) -> None:
        """Makes the error.

        Args:
          reject: What is wrong with the record.
          message: The whole message, where it is to say more than the reject does.
        """
        super().__init__(reject, message)
        self.reject = reject
        self._message = message

    def __str__(self) -> str:
        """Returns the message."""
        return self._message or str(self.reject)


def bad_record(reason: Reason, message: str, **place: object) -> BadRecordError:
    """Makes an error to raise. `place` is what `Reject.at` takes."""
    return BadRecordError(Reject(reason=reason, message=message).at(**place))


def clip(text: str) -> str:
    """Returns the first `EXCERPT_LENGTH` characters of `text`, safe to write as UTF-8."""
    clipped = text if len(text) <= EXCERPT_LENGTH else text[: EXCERPT_LENGTH - 1] + "…"
    return str(_make_writable(clipped))


def abbreviate(value: object) -> str:
    """Writes a value as Python does, but short, in a time that does not depend on its size."""
    return _BRIEF.repr(value)


def make_excerpt(record: Mapping[str, object]) -> str:
    """Writes the beginning of a record for a person."""
    shown = itertools.islice(record.items(), _EXCERPT_FEATURES)
    return clip(", ".join(f"{name}: {abbreviate(value)}" for name, value in shown))


class _BriefRepr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        # An excerpt has 200 characters, so more of one list or string would be cut off anyway.
        self.maxlist = self.maxtuple = self.maxdict = 20
        self.maxstring = self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write integers of thousands of digits.
        return repr(x) if x.bit_length() < 200 else f"<an integer of {x.bit_length()} bits>"


_BRIEF = _BriefRepr()
