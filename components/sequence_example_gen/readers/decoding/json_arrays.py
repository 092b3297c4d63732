"""Decodes the elements of a JSON array one by one, so that a fault in one element does not concern the others.

After an element that is not JSON, decoding goes on if the end of the element is certain, because its brackets match::

    [{"x": 1}, {"x": }, {"x": 3}]     element, fault, element
    [{"x": 1}, {"x": [}, {"x": 3}]    element, DamagedFileError
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import EXCERPT_LENGTH, BadRecordError, Reason, bad_record

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?P<end>"?)|[][{}]', re.DOTALL)
_BARE_WORD = re.compile(r'[^][{}",]*')
_BRACKETS = {"{": "}", "[": "]"}

_MAX_WORD_LENGTH = 16
"""At least the length of any error at the end of a text that is cut off within `-Infinity` or an escaped character."""


class Element(NamedTuple):
    """An element of an array.

    Attributes:
      line: The line where the element begins, from 1.
      value: The value of the element, or None if there is a fault.
      fault: The error that says why the element cannot be decoded, or None.
      excerpt: The beginning of the text of the element.
    """

    line: int
    value: Any
    fault: BadRecordError | None
    excerpt: str


def decode_elements(texts: Iterator[str], decoder: json.JSONDecoder, max_length: int) -> Iterator[Element]:
    """Yields the elements of the array that a text consists of. An empty text has no elements.

    Args:
      texts: The parts of the text, which may end anywhere. Only the part that is being decoded is in memory.
      decoder: The decoder of elements.
      max_length: The maximum number of characters of an element.

    Raises:
      DamagedFileError: if the text is no array, if an element is too long, or if the end of an element that cannot be
        decoded is not certain. The elements before are yielded first.
    """
    buffer = _Buffer(texts, decoder, max_length)
    opening = buffer.peek()
    if not opening:
        return
    if opening != "[":
        raise buffer.make_error(f"the text begins with {opening!r}, expected a JSON array (`jsonl` is another format)")
    buffer.advance(buffer.start + 1)
    has_more = buffer.peek() != "]"
    while has_more:
        yield buffer.decode_element()
        delimiter = buffer.peek()
        if not delimiter:
            raise buffer.make_error("the JSON array has no end")
        if delimiter not in ",]":
            raise buffer.make_error(f"there is {delimiter!r} after an element of the JSON array, expected a comma")
        has_more = delimiter == ","
        if has_more:
            buffer.advance(buffer.start + 1)
    buffer.advance(buffer.start + 1)
    if buffer.peek():
        raise buffer.make_error("there is more text after the JSON array")


class _Buffer:
    """The part of a text that is in memory.

    Attributes:
      start: The position in the buffer of the next character to decode.
    """

    def __init__(self, texts: Iterator[str], decoder: json.JSONDecoder, max_length: int) -> None:
        self._texts = texts
        self._decoder = decoder
        self._max_length = max_length
        self._text = ""
        self._line = 1
        self.start = 0

    def peek(self) -> str:
        """Returns the next character that is no space, which becomes the start, or an empty text at the end."""
        while True:
            match = _SPACE.match(self._text, self.start)
            self.advance(match.end() if match else self.start)
            if self.start < len(self._text):
                return self._text[self.start]
            if not self._grow():
                return ""

    def advance(self, end: int) -> None:
        """Moves the start to `end`."""
        self._line += self._text.count("\n", self.start, end)
        self.start = end

    def decode_element(self) -> Element:
        """Decodes the next element, and moves the start to its end.

        Raises:
          DamagedFileError: if the element is too long, or if it cannot be decoded and its end is not certain.
        """
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self.start)
            except json.JSONDecodeError as error:
                if self._may_be_cut(error) and self._grow():
                    continue
                return self._skip_fault(self._make_fault(error.msg, error.pos))
            except BadRecordError as error:
                return self._skip_fault(error)
            except (ValueError, RecursionError) as error:
                return self._skip_fault(self._make_fault(str(error), self.start))
            # A number at the end of the buffer may go on.
            if end == len(self._text) and self._text[end - 1] not in '}]"' and self._grow():
                continue
            return self._take_element(end, value, None)

    def make_error(self, message: str) -> DamagedFileError:
        """Makes the error that the text cannot be decoded any further."""
        return DamagedFileError(message, line=self._line)

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Returns whether the text may be valid JSON if it goes on after the end of the buffer."""
        return error.msg.startswith("Unterminated string") or error.pos + _MAX_WORD_LENGTH >= len(self._text)

    def _make_fault(self, problem: str, position: int) -> BadRecordError:
        line = self._line + self._text.count("\n", self.start, position)
        return bad_record(Reason.MALFORMED, f"the text is not JSON: {problem}", line=line)

    def _skip_fault(self, fault: BadRecordError) -> Element:
        """Moves the start to the end of an element that cannot be decoded.

        Raises:
          DamagedFileError: if the end is not certain.
        """
        end = self._find_end()
        if end is None:
            raise DamagedFileError(fault.reject.message, line=fault.reject.line or self._line)
        return self._take_element(end, None, fault)

    def _take_element(self, end: int, value: Any, fault: BadRecordError | None) -> Element:
        # An excerpt that is longer than allowed is cut later, so that an ellipsis shows it.
        excerpt = self._text[self.start : min(end, self.start + EXCERPT_LENGTH + 1)]
        element = Element(self._line, value, fault, excerpt)
        self.advance(end)
        return element

    def _find_end(self) -> int | None:
        """Finds the end of the next element by its brackets and strings, or returns None if they do not match."""
        while True:
            end, is_cut = self._scan_element()
            if not (is_cut and self._grow()):
                return end

    def _scan_element(self) -> tuple[int | None, bool]:
        """Scans the next element in the buffer.

        Returns:
          The end of the element, or None, and whether the buffer ends within the element.
        """
        closing_brackets: list[str] = []
        position = self.start
        first = self._text[position : position + 1]
        if first not in ("{", "[", '"'):
            word = _BARE_WORD.match(self._text, position)
            position = word.end() if word else position
            is_certain = self._text[position : position + 1] in (",", "]")
            return (position if is_certain else None), position == len(self._text)
        while match := _STRING_OR_BRACKET.search(self._text, position):
            token = match.group()
            position = match.end()
            if token in _BRACKETS:
                closing_brackets.append(_BRACKETS[token])
            elif token[0] == '"':
                if not match["end"]:
                    return None, True
            elif not closing_brackets or closing_brackets.pop() != token:
                return None, False
            if not closing_brackets:
                return position, False
        return None, True

    def _grow(self) -> bool:
        """Reads at least as much text as is not decoded yet, so that growing often stays cheap.

        Returns:
          Whether there was more text.

        Raises:
          DamagedFileError: if the element at the start is too long, or if the file is damaged.
        """
        num_left = len(self._text) - self.start
        if num_left > self._max_length:
            message = f"an element of the JSON array has more than {self._max_length} characters (`max_line_bytes`)"
            raise self.make_error(message)
        parts = [self._text[self.start :]]
        num_new = 0
        while num_new <= num_left and (part := next(self._texts, None)) is not None:
            parts.append(part)
            num_new += len(part)
        self._text = "".join(parts)
        self.start = 0
        return num_new > 0
