"""The progress of a run as it happens: which component runs, how it ended, and how training goes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER

Status = Literal["pending", "running", "ran", "reused", "skipped", "failed"]
"""`ran`: the component did its work. `reused`: nothing had changed, so the outputs of an earlier run were taken.
`skipped`: the condition under which the component stands in the pipeline does not hold."""

TrainingProgress = Mapping[str, float]
"""The numbers that training reports: `epoch`, `epochs`, then what was measured, in order. They come after each epoch,
and now and then within one, where `batch` and perhaps `batches` say how far the epoch is."""


class Display(Protocol):
    """Shows a run to a person. A context manager: a display on a terminal is updated in place until the block ends."""

    def __enter__(self) -> Display:
        """Starts the display."""

    def __exit__(self, *exception: object) -> None:
        """Shows the last state, and leaves the terminal as it was."""

    def show_message(self, text: str) -> None:
        """Shows what goes on while no component runs."""

    def show_plan(self, components: Sequence[str]) -> None:
        """Shows which components will run, in order."""

    def show_start(self, component: str) -> None:
        """Shows that a component runs now."""

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Shows how a component ended."""

    def show_training(self, progress: TrainingProgress) -> None:
        """Shows the progress of training, within the component that runs."""


@contextlib.contextmanager
def listen_to_training(listener: Callable[[TrainingProgress], None]) -> Iterator[None]:
    """Calls `listener` with the progress of every training in this process, until the block ends."""
    logger = logging.getLogger(PROGRESS_LOGGER)
    handler = _ProgressHandler(listener)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _ProgressHandler(logging.Handler):
    """Takes the numbers from log records; their text is for people only."""

    def __init__(self, listener: Callable[[TrainingProgress], None]) -> None:
        super().__init__(logging.INFO)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        progress = getattr(record, PROGRESS_ATTRIBUTE, None)
        if isinstance(progress, Mapping):
            self._listener(progress)


def is_within_epoch(progress: TrainingProgress) -> bool:
    """Returns whether the epoch still goes on."""
    return "batch" in progress


def format_progress(progress: TrainingProgress) -> str:
    """Formats the numbers of training as one line.

    Such as `epoch 3/20  batch 120/400  loss 0.4121  eval accuracy 0.9012  tokens per second 12,345  1:05 min left`.
    """
    rest = dict(progress)
    parts = []
    for name, total in (("epoch", "epochs"), ("batch", "batches")):
        if name in rest:
            of_total = f"/{rest.pop(total)}" if total in rest else ""
            parts.append(f"{name} {rest.pop(name)}{of_total}")
    seconds_left = rest.pop("seconds_left", None)
    parts += [f"{name.replace('_', ' ')} {format_number(value)}" for name, value in rest.items()]
    if seconds_left is not None:
        parts.append(f"{format_seconds(seconds_left)} left")
    return "  ".join(parts)


def format_number(value: float) -> str:
    """Formats a count or a large number as `12,345`, other numbers as `0.9012`."""
    # Counts may come as floats, as TFMA's do. 1.0 is more often a share than a count.
    is_count = isinstance(value, int) or (abs(value) > 1 and value.is_integer())
    return f"{value:,.0f}" if is_count or abs(value) >= 1000 else f"{value:.4f}"


def format_seconds(seconds: float) -> str:
    """Formats a duration as `7.2 s`, or as `3:05 min` from one minute on."""
    # Rounded first: 59.96 s is one minute, not 60.0 s.
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"
