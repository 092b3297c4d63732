"""Redirects the output of TensorFlow, Beam and other libraries to a log file.

Libraries also print from C++ and from child processes, so it is not enough to replace `sys.stdout`. The file
descriptors 1 and 2 are redirected to the log. The output for the person is written to duplicates of the original
descriptors::

    before      1 -> terminal     sys.stdout -> 1
    meanwhile   1 -> log          sys.stdout -> log          streams.out -> terminal
    after       1 -> terminal     sys.stdout -> 1

Descriptor 2 and `sys.stderr` are redirected in the same way.
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
    """The original standard output and standard error, for use while everything else is written to the log.

    Attributes:
      out: The original standard output.
      err: The original standard error.
    """

    out: TextIO
    err: TextIO


@contextlib.contextmanager
def redirect_noise(log: str) -> Iterator[Streams]:
    """Redirects the descriptors 1 and 2 to a log file until the block ends.

    Args:
      log: The path of the log file, to which the output is appended. Its folder must exist.

    Yields:
      Streams that write to the original standard output and standard error.

    Raises:
      OSError: if the log file cannot be opened.
    """
    # Text that was buffered before this block must not be written to the log.
    _flush_python_streams()
    with contextlib.ExitStack() as stack:
        log_stream = stack.enter_context(open(log, "a", buffering=1, encoding="utf-8", errors="backslashreplace"))
        out = stack.enter_context(_duplicate(1, sys.stdout))
        err = stack.enter_context(_duplicate(2, sys.stderr))
        # A notebook or a test may have replaced `sys.stdout` by a stream that does not write to descriptor 1. So
        # Python's streams are redirected too.
        stack.enter_context(contextlib.redirect_stdout(log_stream))
        stack.enter_context(contextlib.redirect_stderr(log_stream))
        os.dup2(log_stream.fileno(), 1)
        os.dup2(log_stream.fileno(), 2)
        try:
            yield Streams(out=out, err=err)
        finally:
            for stream in (out, err, log_stream):
                stream.flush()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)


def _duplicate(descriptor: int, like: TextIO) -> TextIO:
    """Returns a stream for a duplicate of a descriptor, with the encoding of the stream `like`."""
    # Each line is written at once, even to a pipe. Python would otherwise write the progress of a run only at its end.
    return open(os.dup(descriptor), "w", buffering=1, encoding=like.encoding or "utf-8", errors="backslashreplace")


def _flush_python_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
