"""Spans of one sequence of tags, as CoNLL's evaluation and seqeval's default mode find them.

Steps are of one span if they have one type, the first has a prefix after which a span may go on, such as B or I, and
the second one that goes on with it, such as I or E. See `schemas/tags.py` for the prefixes::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    spans     [         ] [   ]   [   ] [         ] [   ] [   ]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfx_sequence.schemas.tags import LENIENT, OUTSIDE, split_tag


class Span(NamedTuple):
    """Steps `start` to `end`, the last one not included, of one type."""

    start: int
    end: int
    type: str


def find_spans(tags: Iterable[str]) -> set[Span]:
    """Finds the spans of a sequence."""
    spans: set[Span] = set()
    start, prefix_before, type_before = 0, OUTSIDE, ""
    # One more step, outside, closes the last span.
    for step, tag in enumerate([*tags, OUTSIDE]):
        prefix, type_ = split_tag(tag)
        type_ = type_ or ""
        if prefix_before in LENIENT.opening and prefix in LENIENT.continuing and type_ == type_before:
            prefix_before = prefix
            continue
        if prefix_before != OUTSIDE:
            spans.add(Span(start, step, type_before))
        start, prefix_before, type_before = step, prefix, type_
    return spans
