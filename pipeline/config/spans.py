"""Finds the files that a config names, of the latest span or of the span that is asked for."""

from __future__ import annotations

from tfx_sequence.pipeline.config.tables import DataConfig, has_span


def name_resolved_patterns(data: DataConfig, undivided: str) -> dict[str, str]:
    """Returns the patterns by name, with the span and the version that a run would read now.

    Args:
      data: The settings of the data.
      undivided: The name of the pattern if there is only one; see `DataConfig.name_patterns`.

    Returns:
      Split name to pattern, or `undivided` to the only pattern.

    Raises:
      ValueError: if there is no file for the span, or if the places for a span are wrong.
    """
    patterns = data.name_patterns(undivided)
    if not has_span(patterns.values()):
        return patterns
    # Importing TFX takes seconds, which only such patterns need.
    from tfx_sequence.components.sequence_example_gen.driver import resolve_patterns

    return resolve_patterns(data.folder, patterns, data.span)
