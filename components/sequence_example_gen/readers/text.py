"""Running text: one sequence a line, or a window that slides over the whole file; with next-step targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

STEP = "step"
"""The source of a sequence feature that is the text's steps."""

NEXT = "next"
"""The source of a sequence feature that is, at each step, the step after it: what a language model predicts."""

POSITION = "position"
"""The source of a context feature that is the number of the sequence's first step in the file, from 0."""

_BLANKS = re.compile(r"[^ \t\n]+")


class TextOptions(Frozen):
    """What the reader takes beside the spec.

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
    def _check(self) -> TextOptions:
        if (self.steps == "regex") != (self.pattern is not None):
            raise ValueError("`pattern` goes with steps = 'regex', and that with `pattern`")
        if self.stride is not None and self.window is None:
            raise ValueError("`stride` goes with `window`")
        if self.pattern is not None:
            _compile(self.pattern)
        return self


class TextReader(Reader):
    """Reads text.

    The `source` of a sequence feature is `step` or `next`, that of a context feature `position`. With a `next`
    feature, a sequence has the steps that have a next one.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `TextOptions`."""
        self._options = TextOptions.model_validate(dict(options))
        self._sources = {name: _source(name, spec.source(name), feature) for name, feature in spec.features.items()}
        self._ahead = int(NEXT in self._sources.values())
        self._split = _splitter(self._options)

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a line, or one a window."""
        return self._windows(source) if self._options.window else self._lines(source)

    def _lines(self, source: Source) -> Iterator[Item]:
        position = 0
        for number, line in source.lines():
            if line.strip(" \t"):
                steps = self._split(line)
                yield number, self._record(steps, position)
                position += len(steps)

    def _windows(self, source: Source) -> Iterator[Item]:
        window = self._options.window or 1
        stride = self._options.stride or window
        size = window + self._ahead
        buffer: list[str] = []
        numbers: list[int] = []
        start = position = 0  # Where the next window begins: in the buffer, and in the file.
        for number, line in source.lines(ends=True):
            if damage := source.take_damage():
                yield damage.reject()
                continue
            steps = self._split(line)
            buffer += steps
            numbers += [number] * len(steps)
            while start + size <= len(buffer):
                yield numbers[start], self._record(buffer[start : start + size], position)
                start, position = start + stride, position + stride
            done = min(start, len(buffer))
            del buffer[:done], numbers[:done]
            start -= done
        # One shorter window for what the last whole one did not reach.
        left = len(buffer) - self._ahead - start
        if left > 0 and (position == 0 or left > window - stride):
            yield numbers[start], self._record(buffer[start : start + size], position)

    def _record(self, steps: list[str], position: int) -> dict[str, Any]:
        values = {STEP: steps[: len(steps) - self._ahead], NEXT: steps[1:], POSITION: position}
        return {name: values[source] for name, source in self._sources.items()}


def _source(name: str, source: str, feature: Feature) -> str:
    allowed = (POSITION,) if feature.context else (STEP, NEXT)
    dtype = "int64" if feature.context else "string"
    if source not in allowed or feature.dtype != dtype:
        what = "an 'integer' from 'position'" if feature.context else "a 'token' or 'categorical' from 'step' or 'next'"
        raise ValueError(f"`{name}` is of kind {feature.kind!r} from {source!r}, but text has {what}; set `source`")
    return source


def _splitter(options: TextOptions) -> Callable[[str], list[str]]:
    if options.steps == "character":
        return list
    if options.pattern is None:
        return _BLANKS.findall
    pattern = _compile(options.pattern)
    group = min(1, pattern.groups)
    return lambda text: [match.group(group) or "" for match in pattern.finditer(text)]


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`pattern` is {pattern!r}, which is not a regular expression: {error}") from None
