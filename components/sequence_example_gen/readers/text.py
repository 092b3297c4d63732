"""Reads plain text for language models.

A sequence is a line, or a window that slides over the whole file. The step after each step is available as a target.

With `window = 3` and `stride = 2`, the steps `a b c d e f` are cut into::

    a b c        step: a b c    next: b c d    position: 0
        c d e    step: c d e    next: d e f    position: 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.components.sequence_example_gen.readers.table import find_row
from tfx_sequence.schemas.spec import Count, Feature, Frozen, SequenceSpec

STEP = "step"
"""The source of a sequence feature that contains the steps of the text."""

NEXT = "next"
"""The source of a sequence feature that contains, at each step, the step after it. A language model predicts it."""

POSITION = "position"
"""The source of a context feature that contains the position in the file, from 0, of the first step of the sequence."""

_WORDS = re.compile(r"[^ \t\n]+")


class TextOptions(Frozen):
    """The options of the format `text`.

    Attributes:
      steps: What a step is: a word between spaces and tabs (`whitespace`), one `character`, or a match of `pattern`
        (`regex`).
      pattern: The regular expression of a step. If it has groups, the first group is the step.
      window: The number of steps per sequence, if the whole file is one stream of steps. A line end is then an
        ordinary character, and the last window may be shorter. If None, each line that is not blank is a sequence,
        without its line end.
      stride: The number of steps from the start of one window to the start of the next; `window` if None.
    """

    steps: Literal["whitespace", "character", "regex"] = "whitespace"
    pattern: str | None = None
    window: Count | None = None
    stride: Count | None = None

    @pydantic.model_validator(mode="after")
    def _check_steps_and_windows(self) -> TextOptions:
        if (self.steps == "regex") != (self.pattern is not None):
            raise ValueError("`pattern` goes with steps = 'regex', and that with `pattern`")
        if self.stride is not None and self.window is None:
            raise ValueError("`stride` goes with `window`")
        if self.pattern is not None:
            _compile_pattern(self.pattern)
        return self


class TextReader(Reader):
    """Reader of plain text. The options are the fields of `TextOptions`.

    The `source` of a sequence feature is `step` or `next`, and the `source` of a context feature is `position`. With a
    `next` feature, the last step of a line or file only occurs as the next step of the step before it. Such a feature
    must have `shift = "next"`, which a config sets, so that no network reads a step before it predicts it.
    """

    default_spec = SequenceSpec(features={"tokens": Feature(kind="token", source=STEP)})

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = TextOptions.model_validate(dict(options))
        self._sources = {
            name: _check_source(name, spec.source(name), feature) for name, feature in spec.features.items()
        }
        # The number of steps after the end of a record that are needed to make it. A `next` feature needs one: the
        # next step of the last step.
        self._steps_ahead = 1 if NEXT in self._sources.values() else 0
        self._split_steps = _make_splitter(self._options)

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per line, or one per window if `window` is set."""
        if self._options.window:
            return self._read_windows(source, self._options.window)
        return self._read_lines(source)

    def _read_lines(self, source: Source) -> Iterator[Item]:
        position = 0
        for number, line in source.lines():
            if line.strip(" \t"):
                steps = self._split_steps(line)
                yield number, self._make_record(steps, position)
                position += len(steps)

    def _read_windows(self, source: Source, window: int) -> Iterator[Item]:
        stride = self._options.stride or window
        size = window + self._steps_ahead
        buffer: list[str] = []  # The steps that the next window may need.
        line_numbers: list[int] = []  # The line number of each step in the buffer.
        start = 0  # The position in the buffer where the next window begins.
        position = 0  # The position in the file where the next window begins.
        is_first = True  # Whether the next window is the first one, or the first one after a line that is too long.
        for number, line in source.lines(ends="convert"):
            if source.long_lines:
                # The rest of the line is not known, so the windows before it and after it are not of one text.
                rejects = [source.make_long_line_reject(long_line) for long_line in source.long_lines]
                source.long_lines.clear()
                if self._needs_last_window(len(buffer) - self._steps_ahead - start, is_first):
                    yield line_numbers[start], self._make_record(buffer[start : start + size], position)
                yield from rejects
                position += len(buffer) - start
                start = 0
                is_first = True
                buffer.clear()
                line_numbers.clear()
                continue
            steps = self._split_steps(line)
            buffer += steps
            line_numbers += [number] * len(steps)
            while start + size <= len(buffer):
                yield line_numbers[start], self._make_record(buffer[start : start + size], position)
                start += stride
                position += stride
                is_first = False
            # If the stride is larger than the window, the next window may begin at a step that is not read yet.
            num_used = min(start, len(buffer))
            del buffer[:num_used], line_numbers[:num_used]
            start -= num_used
        if self._needs_last_window(len(buffer) - self._steps_ahead - start, is_first):
            yield line_numbers[start], self._make_record(buffer[start : start + size], position)

    def _needs_last_window(self, num_left: int, is_first: bool) -> bool:
        """Returns whether the steps after the last full window form a shorter window.

        Args:
          num_left: The number of steps from the start of the next window to the end of the text.
          is_first: Whether there is no full window, because the file is shorter than a window.
        """
        window = self._options.window or 0
        stride = self._options.stride or window
        # The first `window - stride` of these steps are also in the last full window, so there must be more.
        num_shared = 0 if is_first else max(0, window - stride)
        return num_left > num_shared

    def _make_record(self, steps: list[str], position: int) -> dict[str, Any]:
        values = {STEP: steps[: len(steps) - self._steps_ahead], NEXT: steps[1:], POSITION: position}
        return {name: values[source] for name, source in self._sources.items()}


def _check_source(name: str, source: str, feature: Feature) -> str:
    """Returns the source of a feature.

    Raises:
      ValueError: if text has no such source, or if the source does not fit the kind, the role or the shift of the
        feature.
    """
    if feature.context:
        fits = source == POSITION and feature.dtype == "int64"
        expected = "an 'integer' from 'position'"
    else:
        fits = source in (STEP, NEXT) and feature.dtype == "string"
        expected = "a 'token' or 'categorical' from 'step' or 'next'"
    if not fits:
        raise ValueError(f"`{name}` is of kind {feature.kind!r} from {source!r}, but text has {expected}; set `source`")
    shift = find_row("text").shifts.get(source)
    if shift is not None and feature.role not in ("label", "carried"):
        raise ValueError(
            f"`{name}` is from {source!r}, which shows each step before it is read, so its role must be 'label' or "
            f"'carried', but is {feature.role!r}"
        )
    if feature.shift != shift:
        needed = f"needs shift = {shift!r}" if shift else "takes no `shift`"
        raise ValueError(f"`{name}` is from {source!r}, so it {needed}, but its shift is {feature.shift!r}")
    return source


def _make_splitter(options: TextOptions) -> Callable[[str], list[str]]:
    """Makes the function that divides text into steps."""
    if options.steps == "character":
        return list
    if options.pattern is None:
        return _WORDS.findall
    pattern = _compile_pattern(options.pattern)
    group = min(1, pattern.groups)
    # `match.group` returns None for a group that did not take part in the match.
    return lambda text: [match.group(group) or "" for match in pattern.finditer(text)]


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`pattern` is {pattern!r}, which is not a regular expression: {error}") from None
