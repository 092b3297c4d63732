"""Shows the progress of a run: as a table that is updated on a terminal, or as plain lines in a file or a pipe."""

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
    Trial,
    format_number,
    format_progress,
    format_seconds,
    is_within_epoch,
)
from tfx_sequence.pipeline.runs.trials import format_settings, format_trials

_MIN_LINE_SECONDS = 30.0
"""The minimum number of seconds between two lines about one epoch. A log stays short, and still shows that training
goes on."""

_MARKS: dict[Status, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "running": ("…", "cyan"),
    "ran": ("✓", "green"),
    "reused": ("=", "blue"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}
"""The mark of each status in the table, and the rich style of the mark."""


def make_display(stream: TextIO) -> Display:
    """Returns a LiveDisplay if the stream is a terminal that can move its cursor, or else a PlainDisplay."""
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
        """Does nothing: a plain display needs no preparation."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Does nothing: all lines are already written."""

    def show_message(self, text: str) -> None:
        """Writes the text."""
        print(text, file=self._stream, flush=True)

    def show_plan(self, components: Sequence[str]) -> None:
        """Writes the number of components."""
        self.show_message(f"{len(components)} components to run")

    def show_start(self, component: str) -> None:
        """Writes that the component has started."""
        self._component = component
        self.show_message(f"{component}: running")

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Writes how the component ended, and how long it took."""
        self.show_message(f"{component}: {status} ({format_seconds(seconds)})")

    def show_training(self, progress: TrainingProgress) -> None:
        """Writes the numbers of an epoch at its end, and about every 30 seconds before."""
        now = self._clock()
        if is_within_epoch(progress) and now - self._last_line_at < _MIN_LINE_SECONDS:
            return
        self._last_line_at = now
        self.show_message(f"{self._component}: {format_progress(progress)}")

    def show_trial(self, trial: Trial) -> None:
        """Writes the settings of a trial at its beginning, and its score at its end."""
        text = format_settings(trial["settings"])
        if "score" in trial:
            text = f"failed: {trial['error']}" if trial["score"] is None else f"score {format_number(trial['score'])}"
        self.show_message(f"{self._component}: trial {trial['number']}/{trial['trials']}  {text}")


@dataclasses.dataclass
class _Row:
    """The row of one component in the table.

    Attributes:
      status: The status of the component.
      started_at: The time at which the component started, by `time.monotonic`.
      seconds: The duration of the component, once it has ended.
      note: The last numbers of training, as text.
    """

    status: Status = "pending"
    started_at: float = 0.0
    seconds: float = 0.0
    note: str = ""


class LiveDisplay:
    """A display that shows all components as a table on a terminal and updates the table in place."""

    def __init__(self, stream: TextIO) -> None:
        self._rows: dict[str, _Row] = {}
        self._running_row = _Row()
        self._trials: dict[int, Trial] = {}
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
        """Draws the last state, and stops drawing."""
        self._spinner.text = ""
        self._live.stop()

    def __rich__(self) -> rich.console.RenderableType:
        """Draws the current state. rich calls this method several times per second."""
        if not self._rows:
            # Before there are components, there is at most a message.
            return self._spinner if self._spinner.text else ""
        table = rich.table.Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for component, row in self._rows.items():
            table.add_row(*self._draw_cells(component, row))
        if not self._trials:
            return table
        trials = "\n".join(format_trials(list(self._trials.values())))
        return rich.console.Group(table, rich.text.Text(f"\n{trials}", "dim"))

    def _draw_cells(self, component: str, row: _Row) -> list[rich.console.RenderableType]:
        mark, style = _MARKS[row.status]
        is_running = row.status == "running"
        name_style = {"running": "bold", "failed": style}.get(row.status, "")
        seconds = time.monotonic() - row.started_at if is_running else row.seconds
        return [
            self._spinner if is_running else rich.text.Text(mark, style),
            rich.text.Text(component, name_style),
            rich.text.Text(row.status, style),
            "" if row.status == "pending" else format_seconds(seconds),
            rich.text.Text(row.note, "dim"),
        ]

    def show_message(self, text: str) -> None:
        """Shows the text beside a spinner. Once `show_plan` was called, the table is shown instead."""
        self._spinner.text = text

    def show_plan(self, components: Sequence[str]) -> None:
        """Shows the table of the components, which are all pending."""
        self._spinner.text = ""
        self._rows = {component: _Row() for component in components}

    def show_start(self, component: str) -> None:
        """Shows the component as running, with the time since its start."""
        self._running_row = _Row("running", started_at=time.monotonic())
        self._rows[component] = self._running_row

    def show_end(self, component: str, status: Status, seconds: float) -> None:
        """Shows how the component ended and how long it took. The last note about its training stays."""
        # The summary of the run shows the trials again.
        self._trials = {}
        row = self._rows[component]
        self._rows[component] = _Row(status, seconds=seconds, note=row.note)

    def show_training(self, progress: TrainingProgress) -> None:
        """Shows the numbers of training in the row of the running component."""
        self._running_row.note = format_progress(progress)

    def show_trial(self, trial: Trial) -> None:
        """Shows the trials so far in a second table, as long as their component runs."""
        self._trials[trial["number"]] = trial
