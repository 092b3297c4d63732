"""Finds, in a chain of exceptions, the one message that a person should read.

An error deep in a pipeline arrives wrapped: by this project, by Beam, by TFX, or as the text of another process::

    RuntimeError: Operation failed ...                        raised by TFX
      caused by ReadError: a.conllu, line 3: 9 columns [...]  raised by this project: this is the one
        caused by ValueError: 9 columns
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OWN_PACKAGE = "tfx_sequence."

# Beam appends the place in its graph, once or more: `message [while running 'Read/ParDo(Parse)']`.
_BEAM_SUFFIX = re.compile(r"( \[while running '[^']*'\])+\s*$")

_TRACEBACK_START = "Traceback (most recent call last):"

# The line of a traceback that says what was raised: `package.module.SomeError: message`.
_RAISED_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.DOTALL)


def explain(error: BaseException) -> str:
    """Returns the most helpful message of a chain of exceptions.

    The outermost exception that this project raised is taken, since its message was written for the person who reads
    it. If there is none, it is the one at the root of the chain of causes, with the name of its class.

    Args:
      error: The exception that was caught.

    Returns:
      The message, without a traceback and without Beam's additions.
    """
    chain = list(_walk_chain(error))
    for link in chain:
        if _is_own(f"{type(link).__module__}.") and str(link):
            return _strip_beam_suffix(str(link))
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    # Beam's worker processes send their exceptions as the text of a traceback within the message of another exception.
    for link in (root, *chain):
        if _TRACEBACK_START in str(link):
            return _explain_traceback(str(link))
    return _join_name_and_message(type(root).__name__, _strip_beam_suffix(str(root)))


def _walk_chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and what it was raised from, as a traceback shows them."""
    # A chain can be a cycle: code may raise an exception again within its own handler.
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _explain_traceback(text: str) -> str:
    """Returns the message at the end of the last traceback in a text."""
    lines = text[text.rindex(_TRACEBACK_START) :].splitlines()[1:]
    # Frames are indented, and so may be later lines of the message. The first line that is not names the exception.
    start = next((index for index, line in enumerate(lines) if line and not line[0].isspace()), None)
    if start is None:
        return _strip_beam_suffix(text.strip())
    raised = _RAISED_LINE.match(_strip_beam_suffix("\n".join(lines[start:]).strip()))
    if raised is None:
        return _strip_beam_suffix(text.strip())
    message = raised["message"] or ""
    if message and _is_own(raised["type"]):
        return message
    class_name = raised["type"].rpartition(".")[2]
    return _join_name_and_message(class_name, message)


def _is_own(path: str) -> bool:
    return path.startswith(_OWN_PACKAGE)


def _join_name_and_message(name: str, message: str) -> str:
    return f"{name}: {message}" if message else name


def _strip_beam_suffix(message: str) -> str:
    return _BEAM_SUFFIX.sub("", message)
