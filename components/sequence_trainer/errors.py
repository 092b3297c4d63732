"""Defines TaskError, the error for data and settings that no model can be trained with."""

from __future__ import annotations


class TaskError(ValueError):
    """Raised for data or settings that no model can be trained with. The message names them, and says what to do."""
