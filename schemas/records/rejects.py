"""Defines rejects, which describe records that were not accepted: the reason, the place, and a message for a person.

Code that checks one record raises a `BadRecordError`, which holds a `Reject`. Code that reads many records catches the
error, adds the place with `Reject.at`, and continues. A reject can be pickled and written as JSON, and is reported
later.
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
"""The maximum number of characters of an excerpt. Two lines in a terminal are enough to recognise a record."""

# A record may have thousands of features, but no more than these fit into an excerpt.
_MAX_EXCERPT_FEATURES = 50


class Reason(str, enum.Enum):
    """The code of the reason why a record was not accepted. The values never change, because artifacts contain them.

    Rules of installed packages define additional reasons, which are plain strings. See `ReasonCode`.
    """

    MALFORMED = "malformed"
    """The text does not follow the format. For example, a row has too few columns, or JSON is not valid."""
    UNDECODABLE = "undecodable"
    """The bytes are not valid UTF-8, not a SequenceExample, or do not have their checksum."""
    EMPTY_FILE = "empty_file"
    """The file holds no record."""
    MISSING_FEATURE = "missing_feature"
    """A feature of the spec is not in the record."""
    WRONG_TYPE = "wrong_type"
    """A value does not have the kind of the feature, or a vector does not have its width."""
    OUT_OF_RANGE = "out_of_range"
    """An integer does not fit into int64."""
    NOT_FINITE = "not_finite"
    """A float is infinite, or too large for float32, or NaN although numbers of the feature must not be missing."""
    NEGATIVE_WEIGHT = "negative_weight"
    """A weight is less than 0."""
    DUPLICATE_KEY = "duplicate_key"
    """A name or a key occurs twice, although it must be unique."""
    INCONSISTENT = "inconsistent"
    """A value must be the same in all rows of a record, but differs."""
    UNEQUAL_LENGTHS = "unequal_lengths"
    """The sequence features of one record do not have the same number of steps."""
    EMPTY_SEQUENCE = "empty_sequence"
    """The record has no step, although `min_length` of the spec is greater than 0."""
    TOO_SHORT = "too_short"
    """The record has fewer steps than `min_length` of the spec."""
    TOO_LONG = "too_long"
    """The record has more steps than `max_length` of the spec, or its text has more bytes than `max_line_bytes`."""
    EMPTY_STEP = "empty_step"
    """A step holds no value. Readers that flatten steps would drop the step and shift all values after it."""
    MULTIPLE_VALUES = "multiple_values"
    """A step or a context feature holds several values, although only one is allowed."""
    OUTSIDE_DOMAIN = "outside_domain"
    """A string is not in the domain of the feature, or a number is not within its bounds."""
    RESERVED_ID = "reserved_id"
    """An id is 0, which is reserved for padding."""
    TIME_REVERSED = "time_reversed"
    """A step is earlier than the step before it."""
    BROKEN_SPAN = "broken_span"
    """The tags do not follow each other as their scheme of spans allows."""

    def __str__(self) -> str:
        """Returns the code itself, so that `str` works in the same way for reasons that are plain strings."""
        return self.value


REASON_PATTERN = r"^[a-z][a-z0-9_]*$"
"""The pattern of a reason. Configs use reasons as keys, and messages show them with spaces instead of underscores."""

# The union is tried from the left. The string "too_long" therefore always becomes `Reason.TOO_LONG`, and equal codes
# have the same type and the same hash.
ReasonCode = Annotated[
    Reason | Annotated[str, pydantic.StringConstraints(pattern=REASON_PATTERN)],
    pydantic.Field(union_mode="left_to_right"),
]
"""A `Reason`, or the reason of a rule of an installed package, such as `too_many_urls`. `str` returns the code of both.
"""


def make_writable(text: Any) -> Any:
    """Escapes characters that UTF-8 cannot encode, such as half of a surrogate pair, which JSON allows."""
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


class Reject(Frozen):
    """One record that was not accepted.

    Attributes:
      reason: The code of what is wrong.
      message: A sentence for a person that says what was found and what was expected.
      file: The name of the file that holds the record.
      line: The number of the line with the error, or of the first line of the record, from 1. None for binary files.
      offset: The position of the record in the decompressed file, in bytes from 0. None if another place is known.
      record: The position of the record in the file, from 0. None in long form, where a record consists of rows.
      row: The position in the file, from 0, of the row with the error, or of the first row of the record. Only in long
        form.
      key: The key of the record, which is the values of its features with the role `key`.
      excerpt: The beginning of the record, or of the row in long form. It has no more than `EXCERPT_LENGTH` characters.
    """

    reason: ReasonCode
    message: Annotated[str, pydantic.BeforeValidator(make_writable)]
    file: str | None = None
    line: int | None = None
    offset: int | None = None
    record: int | None = None
    row: int | None = None
    key: str | None = None
    excerpt: str = ""

    def at(self, **place: object) -> Reject:
        """Returns a copy with more information about the place of the record.

        Values that the reject already has are not replaced, because the code that found the error knows the place best.

        Args:
          **place: Values for `file`, `line`, `offset`, `record`, `row`, `key` or `excerpt`.
        """
        new_values = {name: make_writable(value) for name, value in place.items() if getattr(self, name) in (None, "")}
        if isinstance(new_values.get("excerpt"), str):
            new_values["excerpt"] = clip(new_values["excerpt"])
        return self.model_copy(update=new_values)

    def __str__(self) -> str:
        """Returns the place on one line, the reason and the message on the next, and the excerpt on the last."""
        place = {name: getattr(self, name) for name in ("file", "line", "offset", "record", "row", "key")}
        if self.line is not None:
            del place["row"]  # A text file has both. Only the line is shown, because editors can jump to a line.
        place_line = ", ".join(f"{name} {value}" for name, value in place.items() if value is not None)
        problem_line = f"{self.reason}: {self.message}"
        label = "The record begins" if self.row is None else "There it reads"
        excerpt_line = f"{label}: {self.excerpt}" if self.excerpt else ""
        return "\n".join(line for line in (place_line, problem_line, excerpt_line) if line)


class BadRecordError(ValueError):
    """Raised if a record does not follow its spec or its format.

    Args:
      reject: The reason, the place and the message.
      message: The text of the error. If None, it is the text of the reject.

    Attributes:
      reject: The reason, the place and the message.
    """

    def __init__(self, reject: Reject, message: str | None = None) -> None:
        super().__init__(reject, message)
        self.reject = reject
        self._message = message

    def __str__(self) -> str:
        """Returns the text of the error."""
        return self._message or str(self.reject)


def bad_record(reason: Reason, message: str, **place: object) -> BadRecordError:
    """Makes a `BadRecordError`. `place` has the same keyword arguments as `Reject.at`."""
    return BadRecordError(Reject(reason=reason, message=message).at(**place))


def clip(text: str) -> str:
    """Returns the first `EXCERPT_LENGTH` characters of a text. Characters that UTF-8 cannot encode are escaped."""
    clipped = text if len(text) <= EXCERPT_LENGTH else text[: EXCERPT_LENGTH - 1] + "…"
    return str(make_writable(clipped))


def abbreviate(value: object) -> str:
    """Returns a short form of `repr(value)`. Even for a very large value this takes little time."""
    return _BRIEF.repr(value)


def make_excerpt(record: Mapping[str, object]) -> str:
    """Returns the beginning of a record as text, for messages."""
    first_items = itertools.islice(record.items(), _MAX_EXCERPT_FEATURES)
    return clip(", ".join(f"{name}: {abbreviate(value)}" for name, value in first_items))


class _BriefRepr(reprlib.Repr):
    """Writes short forms of values, with limits that suit an excerpt."""

    def __init__(self) -> None:
        super().__init__()
        # An excerpt has no more than 200 characters, so longer lists or strings would be cut off later.
        self.maxlist = self.maxtuple = self.maxdict = 20
        self.maxstring = self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        # Python raises a ValueError if an integer with thousands of digits is converted to text.
        return repr(x) if x.bit_length() < 200 else f"<an integer of {x.bit_length()} bits>"


_BRIEF = _BriefRepr()
