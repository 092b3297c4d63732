"""Keeps what TensorFlow, Beam and other libraries print out of sight, in a log file.

Libraries print from C++ and from child processes too, so it is not enough to replace `sys.stdout`. The file descriptors
1 and 2 themselves are pointed at the log, and what is meant for the person goes to duplicates of the old ones::

    before      1 -> terminal     sys.stdout -> 1
    meanwhile   1 -> log          sys.stdout -> log          streams.out -> terminal
    after       1 -> terminal     sys.stdout -> 1

Descriptor 2 and `sys.stderr` alike.
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
def redirect_noise(log: str) -> Iterator[Streams]:
    """Appends all that is written to the descriptors 1 and 2 to the file `log`, until the block ends.

    Args:
      log: The file. Its folder must exist.

    Yields:
      Streams that still reach what 1 and 2 reached before.

    Raises:
      OSError: if the file cannot be opened.
    """
    # What is still buffered was written before, and belongs to the old place.
    _flush_python_streams()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(open(log, "a", buffering=1, encoding="utf-8", errors="backslashreplace"))
        out = stack.enter_context(_duplicate(1, sys.stdout))
        err = stack.enter_context(_duplicate(2, sys.stderr))
        # Python's own streams too, for they need not write to 1 and 2: a notebook or a test has replaced them.
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
    """Opens a second descriptor of the same file, with the encoding of `like`."""
    # Buffered by line even in a pipe: progress that comes all at once, at the end, is of no use.
    return open(os.dup(descriptor), "w", buffering=1, encoding=like.encoding or "utf-8", errors="backslashreplace")


def _flush_python_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
