"""Exports the executor of the stock Pusher, and names of what the executor writes to its output."""

from __future__ import annotations

from tfx import types
from tfx.components.pusher import executor
from tfx.components.pusher.executor import _PUSHED_KEY as PUSHED_KEY

__all__ = ["PUSHED_KEY", "StockPusherExecutor"]


class StockPusherExecutor(executor.Executor):
    """The executor of the stock Pusher, with a public method for what its subclasses need."""

    def mark_pushed(self, pushed_model: types.Artifact, destination: str, version: str) -> None:
        """Notes in the output artifact where the model was pushed to, and as which version."""
        self._MarkPushed(pushed_model, destination, version)
