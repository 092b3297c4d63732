"""Finds the most helpful message in a chain of exceptions.

TFX, Beam and this project catch an error in a pipeline and raise another exception from it. An error in another process
arrives as text. In this example, the message of the second exception is the most helpful one::

    RuntimeError: Operation failed ...                        raised by TFX
      caused by ReadError: a.conllu, line 3: 9 columns [...]  raised by this project
        caused by ValueError: 9 columns                       raised by Python
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OWN_PACKAGE = "tfx_sequence."

# Beam appends the place in its graph, sometimes several times: `message [while running 'Read/ParDo(Parse)']`.
_BEAM_SUFFIX = re.compile(r"( \[while running '[^']*'\])+\s*$")

_TRACEBACK_START = "Traceback (most recent call last):"

# The line of a traceback that says what was raised: `package.module.SomeError: message`.
_RAISED_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.DOTALL)


def explain(error: BaseException) -> str:
    """Returns the most helpful message of a chain of exceptions.

    If this project raised any exception of the chain, the outermost of these is chosen, because its message was written
    for the person who reads it. If not, the exception that caused all others is chosen, and the name of its class is
    added to the message.

    Args:
      error: The exception that was caught.

    Returns:
      The message, without a traceback and without what Beam appended.
    """
    chain = list(_walk_chain(error))
    for link in chain:
        if _is_own(f"{type(link).__module__}.") and str(link):
            return _strip_beam_suffix(str(link))
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    # A worker process of Beam sends an exception as text. Beam puts this traceback into the message of an exception.
    for link in (root, *chain):
        if _TRACEBACK_START in str(link):
            return _explain_traceback(str(link))
    if isinstance(root, SystemExit):
        return f"code that was imported or called ended the program with sys.exit({root.code!r}); it must not"
    return _join_name_and_message(type(root).__name__, _strip_beam_suffix(str(root)))


def _walk_chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception, its cause, the cause of the cause, and so on, as a traceback shows them."""
    # A chain can be a cycle, because a handler may raise the exception that it caught from another one. So exceptions
    # that were already yielded are remembered.
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        # `raise ... from None` suppresses the context.
        context = None if link.__suppress_context__ else link.__context__
        link = link.__cause__ or context


def _explain_traceback(text: str) -> str:
    """Returns the message at the end of the last traceback in a text."""
    lines = text[text.rindex(_TRACEBACK_START) :].splitlines()[1:]
    # The lines of frames are indented. Later lines of the message may be indented too. So the first line without
    # indentation has the class of the exception and the beginning of its message.
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
    """Returns whether this project defines the class at `module.Class`."""
    return path.startswith(_OWN_PACKAGE)


def _join_name_and_message(name: str, message: str) -> str:
    return f"{name}: {message}" if message else name


def _strip_beam_suffix(message: str) -> str:
    return _BEAM_SUFFIX.sub("", message)
