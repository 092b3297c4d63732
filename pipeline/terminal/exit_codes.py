"""Defines the exit codes of all commands. The table in docs/command_line.md has the same codes."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """How a command ended. The code of a command means the same for all commands.

    Attributes:
      DONE: The work is done, and where the command asks a question, the answer is yes.
      FAILED: The answer is no (something is wrong with the data, schemas differ), or the run or the model failed.
      UNUSABLE: Nothing could be done: an argument is wrong, a config cannot be used, or files cannot be read or paired.
      NOT_BLESSED: The run succeeded, but the evaluation did not bless the model, so no model was pushed.
      INTERRUPTED: Ctrl-C or SIGTERM ended the command. By the convention of shells, it is 128 plus the number of
        SIGINT, 2.
    """

    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    NOT_BLESSED = 3
    INTERRUPTED = 130
