"""Runs the work of a command. The output of libraries goes to a log, and an error becomes one line and an exit code."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable

from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, redirect_noise

COULD_NOT_RUN = 2
"""The exit code of a command that could not do its work. The codes 0 and 1 are results."""

INTERRUPTED = 130
"""The exit code after Ctrl-C. By the convention of shells, it is 128 plus the number of the signal SIGINT, 2."""


class CommandError(ValueError):
    """A command cannot be carried out because of its arguments or of the files that they name."""


def run_in_session(
    command: str, as_json: bool, work: Callable[[Streams], int], unexpected_code: int = COULD_NOT_RUN
) -> int:
    """Runs the work of a command and turns its exceptions into exit codes.

    If `work` raises an unexpected error, the log is kept and its path is added to the message. If not, it is deleted.

    Args:
      command: The name of the command, which becomes part of the log's file name.
      as_json: Whether to write an error to standard output as a JSON object too.
      work: A function that receives the original standard output and standard error, and returns the exit code.
      unexpected_code: The exit code if `work` raises an exception whose class this project does not define.

    Returns:
      The exit code: the result of `work`, or 2 or `unexpected_code` if `work` raised an exception, or 130 after Ctrl-C.
    """
    handle, log = tempfile.mkstemp(prefix=f"tfx-sequence-{command}-", suffix=".log")
    os.close(handle)
    keep_log = False
    with redirect_noise(log) as streams:
        try:
            code = work(streams)
        except KeyboardInterrupt:
            code = report_failure("interrupted", as_json, streams, INTERRUPTED)
        except BrokenPipeError:
            _discard_output(streams)
            code = 0
        except Exception as error:
            # Standard error is redirected, so the traceback is written to the log.
            traceback.print_exc()
            message = _join_lines(explain(error))
            code = COULD_NOT_RUN if _is_own(error) else unexpected_code
            # The message of an error of this project, or of an error about a file, is enough to understand the error.
            keep_log = not (_is_own(error) or isinstance(error, OSError))
            if keep_log:
                message += f" (what was logged: {log})"
            report_failure(message, as_json, streams, code)
    if not keep_log:
        os.remove(log)
    return code


def report_failure(message: str, as_json: bool, streams: Streams, code: int) -> int:
    """Writes an error message to standard error and, if `as_json`, as JSON to standard output too. Returns `code`."""
    print(f"tfx-sequence: {message}", file=streams.err)
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False), file=streams.out)
    return code


def _discard_output(streams: Streams) -> None:
    """Discards output that is still buffered. The program that reads the output, such as `head`, has already ended."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), streams.out.fileno())


def _is_own(error: Exception) -> bool:
    return type(error).__module__.startswith("tfx_sequence.")


def _join_lines(text: str) -> str:
    """Returns a text of several lines as one line, with semicolons between the parts."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
