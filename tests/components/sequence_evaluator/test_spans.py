"""Compares the spans of a sequence with those that seqeval finds."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from seqeval.metrics.sequence_labeling import get_entities

from tfx_sequence.components.sequence_evaluator.spans import Span, find_spans

TAGS = ["O", *(f"{prefix}-{type_}" for prefix in "BIES" for type_ in ("PER", "LOC"))]


@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_find_spans_finds_what_seqeval_does(tags: list[str]) -> None:
    assert find_spans(tags) == {Span(start, last + 1, type_) for type_, start, last in get_entities(tags)}


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], set()),
        (["O"], set()),
        (["I-PER", "I-PER", "I-LOC"], {(0, 2, "PER"), (2, 3, "LOC")}),
        (["B-PER", "E-PER", "I-PER"], {(0, 2, "PER"), (2, 3, "PER")}),
        (["B-A-1", "I-A-1", "I-A-2"], {(0, 2, "A-1"), (2, 3, "A-2")}),
    ],
)
def test_find_spans_finds_those_found_by_hand(tags: list[str], spans: set[tuple[int, int, str]]) -> None:
    assert find_spans(tags) == spans
