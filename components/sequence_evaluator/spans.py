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

from tfx_sequence.schemas.tags import LENIENT, OUTSIDE, Tag, split_tag


class Span(NamedTuple):
    """A span of the given type that contains the steps from `start` up to, but not including, `end`."""

    start: int
    end: int
    type: str


def find_spans(tags: Iterable[str]) -> set[Span]:
    """Returns the spans in the tags of one sequence."""
    spans: set[Span] = set()
    start = 0
    tag_before = Tag(OUTSIDE, None)
    # An additional step outside of any span closes a span that ends with the sequence.
    for step, text in enumerate([*tags, OUTSIDE]):
        tag = split_tag(text)
        if not _is_same_span(tag_before, tag):
            if tag_before.prefix != OUTSIDE:
                spans.add(Span(start, step, tag_before.type or ""))
            start = step
        tag_before = tag
    return spans


def _is_same_span(tag_before: Tag, tag: Tag) -> bool:
    """Returns whether two successive steps belong to the same span."""
    have_same_type = (tag_before.type or "") == (tag.type or "")
    return tag_before.prefix in LENIENT.open_prefixes and tag.prefix in LENIENT.continuing_prefixes and have_same_type
