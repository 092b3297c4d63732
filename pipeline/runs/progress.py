"""Defines how the progress of a run is reported: the statuses of components, and the numbers of training."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER, TRIAL_ATTRIBUTE

Status = Literal["pending", "running", "ran", "reused", "skipped", "failed"]
"""The state of a component. `reused`: the inputs and settings had not changed, so the outputs of an earlier run are
used. `skipped`: the pipeline runs the component only under a condition, and the condition is false."""

TrainingProgress = Mapping[str, float]
"""The numbers that training reports, by name, in the order in which they are shown.

They are `epoch`, `epochs`, and then losses and metrics. Training reports after each epoch, and sometimes within an
epoch. Within an epoch there is also `batch`, the number of batches so far, and `batches`, their total, if it is
known."""

Trial = Mapping[str, Any]
"""A trial of a Tuner, at its beginning or at its end, as `contract.TRIAL_ATTRIBUTE` describes it."""


class Display(Protocol):
    """Shows the progress of a run to a person. As a context manager, it updates the terminal until the block ends."""

    def __enter__(self) -> Display:
        """Starts the display."""

    def __exit__(self, *exception: object) -> None:
        """Shows the last state, and restores the terminal."""

    def show_message(self, text: str) -> None:
        """Shows a message about work outside of the components."""

    def show_plan(self, components: Sequence[str]) -> None:
        """Shows the ids of the components that will run, in order."""

    def show_start(self, component: str) -> None:
        """Shows that a component has started."""

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Shows how a component ended, and how long it took."""

    def show_training(self, progress: TrainingProgress) -> None:
        """Shows the progress of training in the running component."""

    def show_trial(self, trial: Trial) -> None:
        """Shows that the running component, a Tuner, has begun or ended a trial."""


@contextlib.contextmanager
def listen_to_training(
    training_listener: Callable[[TrainingProgress], None], trial_listener: Callable[[Trial], None]
) -> Iterator[None]:
    """Calls the listeners until the block ends.

    Args:
      training_listener: Is called with the progress of every training in this process.
      trial_listener: Is called with every trial of a Tuner, at its beginning and at its end.
    """
    logger = logging.getLogger(PROGRESS_LOGGER)
    handler = _ProgressHandler({PROGRESS_ATTRIBUTE: training_listener, TRIAL_ATTRIBUTE: trial_listener})
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _ProgressHandler(logging.Handler):
    """Passes what is attached to log records to listeners. The texts of the records are ignored.

    Args:
      listeners: The name of each attribute of a record, with the listener that gets it.
    """

    def __init__(self, listeners: Mapping[str, Callable[[Mapping[str, Any]], None]]) -> None:
        super().__init__(logging.INFO)
        self._listeners = listeners

    def emit(self, record: logging.LogRecord) -> None:
        for attribute, listener in self._listeners.items():
            attached = getattr(record, attribute, None)
            if isinstance(attached, Mapping):
                listener(attached)


def is_within_epoch(progress: TrainingProgress) -> bool:
    """Returns whether the numbers were reported within an epoch, not at its end."""
    return "batch" in progress


def format_progress(progress: TrainingProgress) -> str:
    """Formats the numbers of training as one line.

    Example: `epoch 3/20  batch 120/400  loss 0.4121  eval accuracy 0.9012  tokens per second 12,345  1:05 min left`.
    """
    remaining_numbers = dict(progress)
    parts = []
    for name, total_name in (("epoch", "epochs"), ("batch", "batches")):
        if name in remaining_numbers:
            total = f"/{remaining_numbers.pop(total_name)}" if total_name in remaining_numbers else ""
            parts.append(f"{name} {remaining_numbers.pop(name)}{total}")
    seconds_left = remaining_numbers.pop("seconds_left", None)
    parts += [f"{name.replace('_', ' ')} {format_number(value)}" for name, value in remaining_numbers.items()]
    if seconds_left is not None:
        parts.append(f"{format_seconds(seconds_left)} left")
    return "  ".join(parts)


def format_number(value: float) -> str:
    """Formats a count or a large number as `12,345`, and any other number as `0.9012`."""
    # TFMA returns counts as floats, so a float may be a count. But 1.0 is more often a share than a count.
    is_count = isinstance(value, int) or (abs(value) > 1 and value.is_integer())
    return f"{value:,.0f}" if is_count or abs(value) >= 1000 else f"{value:.4f}"


def format_seconds(seconds: float) -> str:
    """Formats a duration as `7.2 s`, or as `3:05 min` if it is a minute or longer."""
    # The number is rounded before the comparison, because 59.96 s would be shown as 60.0 s.
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, remaining_seconds = divmod(round(seconds), 60)
    return f"{minutes}:{remaining_seconds:02d} min"
