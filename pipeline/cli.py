"""Defines the command `tfx-sequence`: the table of its commands, and how one of them is run."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tfx_sequence.pipeline.commands import convert, init, inspect, predict, run, schema, validate

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.run import PipelineFactory


class Command(Protocol):
    """A command: a module of `tfx_sequence.pipeline.commands`.

    Attributes:
      HELP: One line, for the list of commands.
      DESCRIPTION: What the command does, with its exit codes.
    """

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of the command."""

    def main(self, arguments: argparse.Namespace) -> int:
        """Does the work; returns the exit code."""


COMMANDS: dict[str, Command] = {
    "init": init,
    "run": run,
    "predict": predict,
    "validate": validate,
    "schema": schema,
    "convert": convert,
    "inspect": inspect,
}
"""Name to command, in the order of the help."""


def main(argv: Sequence[str] | None = None, *, factory: PipelineFactory | None = None) -> int:
    """Runs the command line.

    Args:
      argv: The arguments; those of the process if None.
      factory: Makes the pipeline that `run` runs; `create_pipeline` if None.

    Returns:
      The exit code.
    """
    arguments = _make_parser().parse_args(argv, argparse.Namespace(factory=factory))
    return COMMANDS[arguments.command].main(arguments)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfx-sequence",
        description="Sequences of unequal length with TFX: look at data, train recurrent models, judge and serve them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {importlib.metadata.version('tfx-sequence')}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.HELP, description=command.DESCRIPTION))
    return parser
