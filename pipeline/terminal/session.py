"""Runs the work of a command. The output of libraries goes to a log, and an error becomes one line and an exit code."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable

from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.private_folder import keep_file
from tfx_sequence.pipeline.terminal.quiet import Streams, redirect_noise


class CommandError(ValueError):
    """A command cannot be carried out because of its arguments or of the files that they name."""


def run_in_session(
    command: str, as_json: bool, work: Callable[[Streams], int], unexpected_code: int = ExitCode.UNUSABLE
) -> int:
    """Runs the work of a command and turns its exceptions into exit codes.

    If `work` raises an unexpected error, the log is kept and its path is added to the message. If not, it is deleted.

    Args:
      command: The name of the command, which becomes part of the log's file name.
      as_json: Whether to write an error to standard output as a JSON object too.
      work: A function that receives the original standard output and standard error, and returns the exit code.
      unexpected_code: The exit code if `work` raises an exception that neither this project defines nor is about a
        file.

    Returns:
      The exit code: the result of `work`, or `UNUSABLE` or `unexpected_code` if `work` raised an exception, or
      `INTERRUPTED` after Ctrl-C or SIGTERM.
    """
    handle, log = tempfile.mkstemp(prefix=f"tfx-sequence-{command}-", suffix=".log")
    os.close(handle)
    keep_log = False
    with redirect_noise(log) as streams:
        try:
            code = work(streams)
        except KeyboardInterrupt:
            code = report_failure("interrupted", as_json, streams, ExitCode.INTERRUPTED)
        except (Exception, SystemExit) as error:
            # Standard error is redirected, so the traceback is written to the log.
            traceback.print_exc()
            message = _join_lines(explain(error))
            # The message of an error of this project, or of an error about a file, is enough to understand the error.
            is_understood = _is_own(error) or isinstance(error, OSError)
            code = ExitCode.UNUSABLE if is_understood else unexpected_code
            keep_log = not is_understood
            if keep_log:
                log = keep_file(log)
                message += f" (what was logged: {log})"
            report_failure(message, as_json, streams, code)
    if not keep_log:
        os.remove(log)
    return code


def report_failure(message: str, as_json: bool, streams: Streams, code: int) -> int:
    """Writes an error message to standard error and, if `as_json`, as JSON to standard output too. Returns `code`."""
    print(f"tfx-sequence: {message}", file=streams.err)
    if as_json:
        print(format_error(message), file=streams.out)
    return code


def format_error(message: str) -> str:
    """Returns the JSON object that a command writes in place of its result."""
    return json.dumps({"error": message}, ensure_ascii=False)


def _is_own(error: BaseException) -> bool:
    return type(error).__module__.startswith("tfx_sequence.")


def _join_lines(text: str) -> str:
    """Returns a text of several lines as one line, with semicolons between the parts."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
