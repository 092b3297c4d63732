"""Finds the spans in a sequence of tags by the rules of CoNLL's evaluation and of seqeval's default mode.

Two successive steps belong to the same span under three conditions. They have the same type. The prefix of the first
step allows a span to continue, such as B or I. The prefix of the second step continues a span, such as I or E. See
`schemas/tags.py` for the prefixes. In this example each pair of brackets is a span::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    spans     [         ] [   ]   [   ] [         ] [   ] [   ]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfx_sequence.schemas.tags import LENIENT, OUTSIDE, split_tag


class Span(NamedTuple):
    """A span of the given type that contains the steps from `start` up to, but not including, `end`."""

    start: int
    end: int
    type: str


def find_spans(tags: Iterable[str]) -> set[Span]:
    """Returns the spans in the tags of one sequence."""
    spans: set[Span] = set()
    start, prefix_before, type_before = 0, OUTSIDE, ""
    # An additional step outside of any span closes a span that ends with the sequence.
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
