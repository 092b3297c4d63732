"""What happens in a run, as it happens: which component runs, how it ended, how training goes."""

from __future__ import annotations

import contextlib
import logging
from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

Status = Literal["pending", "running", "ran", "reused", "skipped", "failed"]
"""`ran`: the component did its work. `reused`: its outputs of an earlier run were taken, for nothing had changed.
`skipped`: the condition under which it stands in the pipeline does not hold."""

Numbers = Mapping[str, float]
"""What training tells: `epoch`, `epochs`, and then what it measured, in order. After an epoch, and now and then within
one, where `batch` and perhaps `batches` say how far it is."""


class Display(Protocol):
    """Shows a run to a person. A context manager: what it shows on a terminal is live until the block ends."""

    def __enter__(self) -> Display:
        """Starts to show."""

    def __exit__(self, *exception: object) -> None:
        """Shows the last state, and leaves the terminal as it was."""

    def say(self, text: str) -> None:
        """Tells what goes on while no component runs."""

    def planned(self, components: Sequence[str]) -> None:
        """These will run, in this order."""

    def started(self, component: str) -> None:
        """This one runs now."""

    def ended(self, component: str, status: Status, seconds: float) -> None:
        """It has ended."""

    def trained(self, numbers: Numbers) -> None:
        """Training goes on, within the component that runs: an epoch has ended, or a part of it."""


@contextlib.contextmanager
def training_progress(tell: Callable[[Numbers], None]) -> Iterator[None]:
    """Calls `tell` with the numbers of what is trained until the block ends."""
    logger = logging.getLogger(PROGRESS_LOGGER)
    handler = _Teller(tell)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Teller(logging.Handler):
    def __init__(self, tell: Callable[[Numbers], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        numbers = getattr(record, PROGRESS_ATTRIBUTE, None)
        if isinstance(numbers, Mapping):
            self._tell(numbers)


def within_epoch(numbers: Numbers) -> bool:
    """Whether the numbers are of an epoch that goes on."""
    return "batch" in numbers


def epoch_text(numbers: Numbers) -> str:
    """`epoch 3/20  batch 120/400  loss 0.4121  eval accuracy 0.9012  tokens per second 12,345  1:05 min left`."""
    rest = dict(numbers)
    counted = []
    for name, total in (("epoch", "epochs"), ("batch", "batches")):
        if name in rest:
            counted.append(f"{name} {rest.pop(name)}" + (f"/{rest.pop(total)}" if total in rest else ""))
    left = rest.pop("seconds_left", None)
    measured = [f"{name.replace('_', ' ')} {number_text(value)}" for name, value in rest.items()]
    return "  ".join([*counted, *measured, *([] if left is None else [f"{time_text(left)} left"])])


def number_text(value: float) -> str:
    """`12,345` for a count or a large number, `0.9012` for others. Counts may come as floats: TFMA's do."""
    count = isinstance(value, int) or (abs(value) > 1 and value.is_integer())
    return f"{value:,.0f}" if count or abs(value) >= 1000 else f"{value:.4f}"


def time_text(seconds: float) -> str:
    """`7.2 s`, or `3:05 min` from one minute on."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"
