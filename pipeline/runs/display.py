"""Two ways to show a run: live on a terminal, and as plain lines anywhere else."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from typing import TextIO

import rich.console
import rich.live
import rich.spinner
import rich.table
import rich.text

from tfx_sequence.pipeline.runs.progress import Display, Numbers, Status, epoch_text, time_text, within_epoch

_LINE_SECONDS = 30.0
"""So often a plain display writes a line within an epoch."""

_MARKS: dict[Status, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "running": ("…", "cyan"),
    "ran": ("✓", "green"),
    "reused": ("=", "blue"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}


def display_on(stream: TextIO) -> Display:
    """The display that fits `stream`: live if it is a terminal that can move its cursor, plain lines if not."""
    live = stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    return LiveDisplay(stream) if live else PlainDisplay(stream)


class PlainDisplay:
    """One line for each thing that happens."""

    def __init__(self, stream: TextIO) -> None:
        """Writes to `stream`."""
        self._stream = stream
        self._component = ""
        self._told = time.monotonic()

    def __enter__(self) -> PlainDisplay:
        """Starts nothing."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ends nothing."""

    def say(self, text: str) -> None:
        """Writes the text."""
        print(text, file=self._stream, flush=True)

    def planned(self, components: Sequence[str]) -> None:
        """Writes how many there are."""
        self.say(f"{len(components)} components to run")

    def started(self, component: str) -> None:
        """Writes that it runs."""
        self._component = component
        self.say(f"{component}: running")

    def ended(self, component: str, status: Status, seconds: float) -> None:
        """Writes how it ended, and how long it took."""
        self.say(f"{component}: {status} ({time_text(seconds)})")

    def trained(self, numbers: Numbers) -> None:
        """Writes the numbers of the epoch; of one that goes on only now and then."""
        if within_epoch(numbers) and time.monotonic() - self._told < _LINE_SECONDS:
            return
        self._told = time.monotonic()
        self.say(f"{self._component}: {epoch_text(numbers)}")


@dataclasses.dataclass
class _Row:
    status: Status = "pending"
    since: float = 0.0
    seconds: float = 0.0
    note: str = ""


class LiveDisplay:
    """A list of the components that is kept up to date in place."""

    def __init__(self, stream: TextIO) -> None:
        """Draws on `stream`, a terminal."""
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
        """The picture of this moment."""
        if not self._rows:
            return self._spinner if self._spinner.text else ""
        table = rich.table.Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for component, row in self._rows.items():
            mark, style = _MARKS[row.status]
            running = row.status == "running"
            seconds = time.monotonic() - row.since if running else row.seconds
            table.add_row(
                self._spinner if running else rich.text.Text(mark, style),
                rich.text.Text(component, "bold" if running else style if row.status == "failed" else ""),
                rich.text.Text(row.status, style),
                "" if row.status == "pending" else time_text(seconds),
                rich.text.Text(row.note, "dim"),
            )
        return table

    def say(self, text: str) -> None:
        """Shows the text beside a spinner, until there are components to show."""
        self._spinner.text = text

    def planned(self, components: Sequence[str]) -> None:
        """Lists them."""
        self._spinner.text = ""
        self._rows = {component: _Row() for component in components}

    def started(self, component: str) -> None:
        """Starts its clock."""
        self._running = self._rows[component] = _Row("running", since=time.monotonic())

    def ended(self, component: str, status: Status, seconds: float) -> None:
        """Stops its clock. What was noted of its training stays."""
        self._rows[component] = _Row(status, seconds=seconds, note=self._running.note)

    def trained(self, numbers: Numbers) -> None:
        """Notes the numbers of the epoch, or of what there is of it."""
        self._running.note = epoch_text(numbers)
