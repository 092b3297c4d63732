"""Spans of one sequence of tags, as CoNLL's evaluation and seqeval's default mode find them.

A tag is `O`, outside, or a prefix and a type. Steps are of one span if they have one type, the first has the prefix B
or I and the second I or E::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    spans     [         ] [   ]   [   ] [         ] [   ] [   ]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Steps `start` to `end`, the last one not included, of one type."""

    start: int
    end: int
    type: str


def find_spans(tags: Iterable[str]) -> set[Span]:
    """Finds the spans of a sequence."""
    found: set[Span] = set()
    start, before, type_before = 0, "O", ""
    for step, tag in enumerate([*tags, "O"]):
        prefix, _, type_ = tag.partition("-")
        if before in ("B", "I") and prefix in ("I", "E") and type_ == type_before:
            before = prefix
            continue
        if before != "O":
            found.add(Span(start, step, type_before))
        start, before, type_before = step, prefix, type_
    return found
