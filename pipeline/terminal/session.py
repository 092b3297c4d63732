"""What every command that looks at data does alike: noise goes to a log, errors become one line and an exit code."""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from collections.abc import Callable

from tfx_sequence.pipeline.terminal.explain import explain
from tfx_sequence.pipeline.terminal.quiet import Streams, noise_to

COULD_NOT_RUN = 2
"""The exit code when there is no answer; 0 and 1 are answers."""

INTERRUPTED = 130


class CommandError(ValueError):
    """A command cannot do what it was asked to."""


def in_session(command: str, as_json: bool, work: Callable[[Streams], int]) -> int:
    """Does the work of a command.

    Args:
      command: Its name.
      as_json: Whether standard output is to be one JSON object, also for an error.
      work: Takes the real standard output and standard error, and gives the exit code.

    Returns:
      The exit code: that of `work`; 2 if it raised; 130 if Ctrl-C ended it.
    """
    handle, log = tempfile.mkstemp(prefix=f"tfx-sequence-{command}-", suffix=".log")
    os.close(handle)
    expected = True
    with noise_to(log) as streams:
        try:
            code = work(streams)
        except KeyboardInterrupt:
            code = tell("interrupted", as_json, streams, INTERRUPTED)
        except BrokenPipeError:
            # Whoever read the output has read enough; what is still in the buffer must go somewhere.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), streams.out.fileno())
            code = 0
        except Exception as error:
            traceback.print_exc()
            expected = _is_expected(error)
            place = "" if expected else f" (what was logged: {log})"
            code = tell(f"{_one_line(explain(error))}{place}", as_json, streams, COULD_NOT_RUN)
    if expected:
        os.remove(log)
    return code


def tell(message: str, as_json: bool, streams: Streams, code: int) -> int:
    """Says why there is no result, on standard error and, if asked for, as JSON; returns the exit code."""
    print(f"tfx-sequence: {message}", file=streams.err)
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False), file=streams.out)
    return code


def _is_expected(error: Exception) -> bool:
    """Whether the message says all that there is to say: it is one of ours, or about a file."""
    return type(error).__module__.startswith("tfx_sequence.") or isinstance(error, OSError)


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
