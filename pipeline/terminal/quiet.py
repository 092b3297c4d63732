"""Keeps what TensorFlow, Beam and others write to the terminal out of sight, in a log file.

They write from C++ and from child processes too, so replacing `sys.stdout` is not enough: the file descriptors 1 and 2
themselves are pointed at the log, and what is meant for the person goes to duplicates of the old ones.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from typing import TextIO


@dataclasses.dataclass(frozen=True)
class Streams:
    """The real standard output and standard error, while everything else goes to the log."""

    out: TextIO
    err: TextIO


@contextlib.contextmanager
def noise_to(log: str) -> Iterator[Streams]:
    """Sends all that is written to the descriptors 1 and 2 to the end of the file `log`, until the block ends.

    Args:
      log: The file. Its folder must exist.

    Yields:
      Streams that still reach what 1 and 2 reached before.

    Raises:
      OSError: if the file cannot be opened.
    """
    _flush()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(open(log, "a", buffering=1, encoding="utf-8", errors="backslashreplace"))
        out = stack.enter_context(_duplicate(1, sys.stdout))
        err = stack.enter_context(_duplicate(2, sys.stderr))
        # Python's own streams too: what they write to need not be 1 and 2.
        stack.enter_context(contextlib.redirect_stdout(target))
        stack.enter_context(contextlib.redirect_stderr(target))
        os.dup2(target.fileno(), 1)
        os.dup2(target.fileno(), 2)
        try:
            yield Streams(out=out, err=err)
        finally:
            for stream in (out, err, target):
                stream.flush()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)


def _duplicate(descriptor: int, like: TextIO) -> TextIO:
    # Line by line, as a terminal has it: a pipe that shows progress is of no use if it comes at the end.
    return open(os.dup(descriptor), "w", buffering=1, encoding=like.encoding or "utf-8", errors="backslashreplace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
