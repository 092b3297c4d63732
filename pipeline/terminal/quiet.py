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
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class _Descriptor(io.FileIO):
    """Writes to a descriptor until it can no longer be written to, and discards all else.

    A pipe is closed when the program that reads it ends, as `head` does. That is no error: the command goes on without
    a reader, and its exit code stays its answer. Any other error, such as a full disk, is raised once.

    Attributes:
      is_closed_by_reader: Whether the program that read the output has ended.
    """

    is_closed_by_reader = False
    _has_failed = False

    def write(self, data: Any) -> int:
        """Writes bytes, or discards them after an earlier error. Returns the number of bytes."""
        if not self._has_failed:
            try:
                return super().write(data)
            except BrokenPipeError:
                self._has_failed = self.is_closed_by_reader = True
            except OSError:
                self._has_failed = True
                raise
        return len(memoryview(data).cast("B"))


@dataclasses.dataclass(frozen=True)
class Streams:
    """The original standard output and standard error, for use while everything else is written to the log.

    Attributes:
      out: The original standard output.
      err: The original standard error.
    """

    out: TextIO
    err: TextIO

    @property
    def has_reader(self) -> bool:
        """Whether standard output is still read. After `command | head -1`, it is not."""
        descriptor = getattr(self.out.buffer, "raw", None)
        return not (isinstance(descriptor, _Descriptor) and descriptor.is_closed_by_reader)


def open_missing_streams() -> None:
    """Opens the null device in place of a standard stream that is closed, as after `command >&-`.

    Python has None in place of such a stream. A file that is opened later would get its descriptor, and the output
    would be written to that file.
    """
    for descriptor, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


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
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            for stream in (out, err, log_stream):
                stream.flush()


def _duplicate(descriptor: int, like: TextIO) -> TextIO:
    """Returns a stream for a duplicate of a descriptor, with the encoding of the stream `like`."""
    # Each line is written at once, even to a pipe. Python would otherwise write the progress of a run only at its end.
    raw = _Descriptor(os.dup(descriptor), "w")
    encoding = like.encoding or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)


def _flush_python_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
