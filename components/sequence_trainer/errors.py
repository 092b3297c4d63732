"""TaskError: what training says of data and settings that cannot work."""

from __future__ import annotations


class TaskError(ValueError):
    """Data or settings that no model can be trained with. The message says which, and what to do."""
