"""Running text: one sequence a line, or a window that slides over the whole file; with next-step targets.

With `window = 3` and `stride = 2`, the steps `a b c d e f` are cut into::

    a b c        step: a b c    next: b c d    position: 0
        c d e    step: c d e    next: d e f    position: 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

STEP = "step"
"""The source of a sequence feature that holds the text's steps."""

NEXT = "next"
"""The source of a sequence feature that holds, at each step, the step after it: what a language model predicts."""

POSITION = "position"
"""The source of a context feature that holds the number of the sequence's first step in the file, from 0."""

_WORDS = re.compile(r"[^ \t\n]+")


class TextOptions(Frozen):
    """The options of the format.

    Attributes:
      steps: What a step is: a word between spaces and tabs (`whitespace`), a `character`, or a match of `pattern`
        (`regex`).
      pattern: The regular expression of a step; with groups, the first group is the step.
      window: The steps of a sequence when the file is one stream, in which a line end is a character like others and
        the last window may be shorter. None: each line that is not blank is a sequence, without its end.
      stride: How many steps each window begins after the one before; `window` if None.
    """

    steps: Literal["whitespace", "character", "regex"] = "whitespace"
    pattern: str | None = None
    window: Annotated[int, pydantic.Field(ge=1)] | None = None
    stride: Annotated[int, pydantic.Field(ge=1)] | None = None

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
    """Reader of text. Its options are those of `TextOptions`.

    The `source` of a sequence feature is `step` or `next`, that of a context feature `position`. With a `next`
    feature, a sequence has the steps that have a next one.
    """

    default_spec = SequenceSpec(features={"tokens": Feature(kind="token", source=STEP)})

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = TextOptions.model_validate(dict(options))
        self._sources = {
            name: _check_source(name, spec.source(name), feature) for name, feature in spec.features.items()
        }
        # How many steps a record is made of beyond those that it has: the next step of the last one.
        self._steps_ahead = 1 if NEXT in self._sources.values() else 0
        self._split_steps = _make_splitter(self._options)

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a line, or one a window."""
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
        buffer: list[str] = []  # The steps that the next window may need, and the line of each.
        numbers: list[int] = []
        start = 0  # The step where the next window begins: in the buffer,
        position = 0  # and in the file.
        for number, line in source.lines(ends=True):
            if damage := source.take_damage():
                yield damage.to_reject()
                continue
            steps = self._split_steps(line)
            buffer += steps
            numbers += [number] * len(steps)
            while start + size <= len(buffer):
                yield numbers[start], self._make_record(buffer[start : start + size], position)
                start += stride
                position += stride
            # A stride beyond the window may lead to a step that is not read yet.
            done = min(start, len(buffer))
            del buffer[:done], numbers[:done]
            start -= done
        # One shorter window takes what the last whole one did not reach. Of the steps from `start` on, it had
        # `window - stride` already; a file that is shorter than a window had none.
        left = len(buffer) - self._steps_ahead - start
        if left > 0 and (position == 0 or left > window - stride):
            yield numbers[start], self._make_record(buffer[start : start + size], position)

    def _make_record(self, steps: list[str], position: int) -> dict[str, Any]:
        values = {STEP: steps[: len(steps) - self._steps_ahead], NEXT: steps[1:], POSITION: position}
        return {name: values[source] for name, source in self._sources.items()}


def _check_source(name: str, source: str, feature: Feature) -> str:
    """Returns the source of a feature.

    Raises:
      ValueError: if text has no such source, or it is not of the feature's kind.
    """
    allowed = (POSITION,) if feature.context else (STEP, NEXT)
    dtype = "int64" if feature.context else "string"
    if source not in allowed or feature.dtype != dtype:
        what = "an 'integer' from 'position'" if feature.context else "a 'token' or 'categorical' from 'step' or 'next'"
        raise ValueError(f"`{name}` is of kind {feature.kind!r} from {source!r}, but text has {what}; set `source`")
    return source


def _make_splitter(options: TextOptions) -> Callable[[str], list[str]]:
    """Makes the function that cuts text into steps."""
    if options.steps == "character":
        return list
    if options.pattern is None:
        return _WORDS.findall
    pattern = _compile_pattern(options.pattern)
    group = min(1, pattern.groups)
    # A group that takes no part in a match is None.
    return lambda text: [match.group(group) or "" for match in pattern.finditer(text)]


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`pattern` is {pattern!r}, which is not a regular expression: {error}") from None
