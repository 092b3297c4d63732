"""A reader for a format of one's own: sessions of a shop's visitors, as some program once wrote them.

    # session 17 bought            a session: its number and how it ended
    0.0 search                     an event: seconds since the one before, and what it was
    4.2 view

The class is all that a format needs. Its records are checked against the spec, counted, and rejected with file and line
by the same code for all readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen import Item, Reader, Source
from tfx_sequence.schemas import Reason, Reject, SequenceSpec

HEAD = "# session "


class SessionReader(Reader):
    """Reader of sessions. `pipeline.toml` names it: `format = "sessions:SessionReader"`.

    Its one option, `skip`, is how many of a session's first events to leave out.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._skip = int(options.get("skip", 0))
        self._names = list(spec.features)

    def read(self, source: Source) -> Iterator[Item]:
        """Yields (line, record) for each session, and a `Reject` for one that cannot be read."""
        first, lines = 0, []
        for number, line in source.lines():
            if line.startswith(HEAD) and lines:
                yield self._parse_session(first, lines)
                lines = []
            if not lines:
                first = number
            lines.append(line)
        if lines:
            yield self._parse_session(first, lines)

    def _parse_session(self, first: int, lines: list[str]) -> Item:
        try:
            number, outcome = lines[0].removeprefix(HEAD).split()
            events = [line.split() for line in lines[1 + self._skip :]]
            record = {
                "session": number,
                "outcome": outcome,
                "gap": [float(gap) for gap, _ in events],
                "event": [event for _, event in events],
            }
        except ValueError as error:
            return Reject(reason=Reason.MALFORMED, message=f"this is no session: {error}", line=first)
        return first, {name: record[name] for name in self._names}
