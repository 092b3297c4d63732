"""The one error that a person should read, out of all that was raised on its way up."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OURS = "tfx_sequence."

# Beam appends where in its graph an error came from, once or more: `message [while running 'Read/ParDo(Parse)']`.
_WHILE_RUNNING = re.compile(r"( \[while running '[^']*'\])+\s*$")

# How a traceback starts its last part; and that part's own first line.
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.DOTALL)


def explain(error: BaseException) -> str:
    """Says what went wrong.

    Of a chain of exceptions, the outermost one that this project raised is taken, since its message was written for the
    person who runs it; if there is none, the one at the root of the chain of causes, with the name of its class.

    Args:
      error: What was raised.

    Returns:
      The message, without a traceback and without Beam's additions.
    """
    chain = list(_chain(error))
    for link in chain:
        if _is_ours(f"{type(link).__module__}.") and str(link):
            return _without_beam(str(link))
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    for link in (root, *chain):
        if _TRACEBACK in str(link):
            return _from_traceback(str(link))
    return _named(type(root).__name__, _without_beam(str(root)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _from_traceback(text: str) -> str:
    """What a traceback ends on. Beam's worker processes send their exceptions as this text."""
    lines = text[text.rindex(_TRACEBACK) :].splitlines()[1:]
    # Frames are indented, and so may be lines of the message; the exception's own line is the first that is not.
    start = next((index for index, line in enumerate(lines) if line and not line[0].isspace()), None)
    if start is None:
        return _without_beam(text.strip())
    raised = _RAISED.match(_without_beam("\n".join(lines[start:]).strip()))
    if raised is None:
        return _without_beam(text.strip())
    message = raised["message"] or ""
    return message if message and _is_ours(raised["type"]) else _named(raised["type"].rpartition(".")[2], message)


def _is_ours(path: str) -> bool:
    return path.startswith(_OURS)


def _named(name: str, message: str) -> str:
    return f"{name}: {message}" if message else name


def _without_beam(message: str) -> str:
    return _WHILE_RUNNING.sub("", message)
