"""Runs the work of a command: noise goes to a log, an error becomes one line and an exit code."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable

from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, redirect_noise

COULD_NOT_RUN = 2
"""The exit code of a command that has no answer; 0 and 1 are answers."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""


class CommandError(ValueError):
    """A command cannot do what it was asked to do."""


def run_in_session(
    command: str, as_json: bool, work: Callable[[Streams], int], unexpected_code: int = COULD_NOT_RUN
) -> int:
    """Does the work of a command.

    Args:
      command: Its name.
      as_json: Whether standard output is for JSON, also for that of an error.
      work: Takes the real standard output and standard error, and returns the exit code.
      unexpected_code: The exit code if `work` raises an error that is not one of this project.

    Returns:
      The exit code: that of `work`; 2, or `unexpected_code`, if it raised; 130 if Ctrl-C ended it.
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
            # This goes to the log, for standard error is redirected.
            traceback.print_exc()
            message = _join_lines(explain(error))
            # An error of this project, or one about a file, says all by itself.
            if not (_is_own(error) or isinstance(error, OSError)):
                keep_log = True
                message += f" (what was logged: {log})"
            code = report_failure(message, as_json, streams, COULD_NOT_RUN if _is_own(error) else unexpected_code)
    if not keep_log:
        os.remove(log)
    return code


def report_failure(message: str, as_json: bool, streams: Streams, code: int) -> int:
    """Writes why there is no result to standard error and, if asked for, as JSON; returns the exit code."""
    print(f"tfx-sequence: {message}", file=streams.err)
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False), file=streams.out)
    return code


def _discard_output(streams: Streams) -> None:
    """Drops what is still to be written: the reader of the output, such as `head`, has read enough and is gone."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), streams.out.fileno())


def _is_own(error: Exception) -> bool:
    return type(error).__module__.startswith("tfx_sequence.")


def _join_lines(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
