"""Shows the progress of a run: updated in place on a terminal, as plain lines anywhere else."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from typing import TextIO

import rich.console
import rich.live
import rich.spinner
import rich.table
import rich.text

from tfx_sequence.pipeline.runs.progress import (
    Display,
    Status,
    TrainingProgress,
    format_progress,
    format_seconds,
    is_within_epoch,
)

_LINE_SECONDS = 30.0
"""The least time between two lines about one epoch: seldom enough for a log, often enough to see that it goes on."""

_MARKS: dict[Status, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "running": ("…", "cyan"),
    "ran": ("✓", "green"),
    "reused": ("=", "blue"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}


def make_display(stream: TextIO) -> Display:
    """Returns a LiveDisplay if `stream` is a terminal that can move its cursor, a PlainDisplay if not."""
    can_move_cursor = stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return LiveDisplay(stream) if can_move_cursor else PlainDisplay(stream)


class PlainDisplay:
    """A display that writes one line to `stream` for each event."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._component = ""
        self._last_line_at = clock()

    def __enter__(self) -> PlainDisplay:
        """Starts nothing."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ends nothing."""

    def show_message(self, text: str) -> None:
        """Writes the text."""
        print(text, file=self._stream, flush=True)

    def show_plan(self, components: Sequence[str]) -> None:
        """Writes how many components there are."""
        self.show_message(f"{len(components)} components to run")

    def show_start(self, component: str) -> None:
        """Writes that the component runs."""
        self._component = component
        self.show_message(f"{component}: running")

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Writes how the component ended, and how long it took."""
        self.show_message(f"{component}: {status} ({format_seconds(seconds)})")

    def show_training(self, progress: TrainingProgress) -> None:
        """Writes the numbers of an epoch at its end, and every 30 seconds while it goes on."""
        now = self._clock()
        if is_within_epoch(progress) and now - self._last_line_at < _LINE_SECONDS:
            return
        self._last_line_at = now
        self.show_message(f"{self._component}: {format_progress(progress)}")


@dataclasses.dataclass
class _Row:
    """One component of the table; `since` is when it started, `seconds` how long it took once it has ended."""

    status: Status = "pending"
    since: float = 0.0
    seconds: float = 0.0
    note: str = ""


class LiveDisplay:
    """A table of the components on `stream`, a terminal, that is kept up to date in place."""

    def __init__(self, stream: TextIO) -> None:
        self._rows: dict[str, _Row] = {}
        self._running = _Row()
        self._spinner = rich.spinner.Spinner("dots", style="cyan")
        console = rich.console.Console(file=stream, highlight=False)
        self._live = rich.live.Live(
            self, console=console, refresh_per_second=8, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> LiveDisplay:
        """Starts to draw."""
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Draws the last state, and stops."""
        self._spinner.text = ""
        self._live.stop()

    def __rich__(self) -> rich.console.RenderableType:
        """Draws the present state; rich calls this several times a second."""
        if not self._rows:
            return self._spinner if self._spinner.text else ""
        table = rich.table.Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for component, row in self._rows.items():
            table.add_row(*self._draw_cells(component, row))
        return table

    def _draw_cells(self, component: str, row: _Row) -> list[rich.console.RenderableType]:
        mark, style = _MARKS[row.status]
        is_running = row.status == "running"
        name_style = {"running": "bold", "failed": style}.get(row.status, "")
        seconds = time.monotonic() - row.since if is_running else row.seconds
        return [
            self._spinner if is_running else rich.text.Text(mark, style),
            rich.text.Text(component, name_style),
            rich.text.Text(row.status, style),
            "" if row.status == "pending" else format_seconds(seconds),
            rich.text.Text(row.note, "dim"),
        ]

    def show_message(self, text: str) -> None:
        """Shows the text beside a spinner, until there are components to show."""
        self._spinner.text = text

    def show_plan(self, components: Sequence[str]) -> None:
        """Lists the components."""
        self._spinner.text = ""
        self._rows = {component: _Row() for component in components}

    def show_start(self, component: str) -> None:
        """Starts the clock of the component."""
        self._running = self._rows[component] = _Row("running", since=time.monotonic())

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Stops the clock of the component, and keeps the last note about its training."""
        self._rows[component] = _Row(status, seconds=seconds, note=self._running.note)

    def show_training(self, progress: TrainingProgress) -> None:
        """Notes the numbers of the epoch beside the component that runs."""
        self._running.note = format_progress(progress)
