"""Exports the parts of stock FileBasedExampleGen that find the span to read. TFX does not document them."""

from __future__ import annotations

from collections.abc import Iterable

from tfx.components.example_gen.driver import FileBasedDriver
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.components.example_gen.utils import verify_split_pattern_specs
from tfx.proto import example_gen_pb2

__all__ = ["FileBasedDriver", "FileBasedInputProcessor", "has_span"]


def has_span(splits: Iterable[example_gen_pb2.Input.Split]) -> bool:
    """Returns whether the pattern of an input has a place for a span or a date."""
    for split in splits:
        is_number, is_date, _ = verify_split_pattern_specs(split)
        if is_number or is_date:
            return True
    return False
