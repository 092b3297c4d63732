"""Defines the command-line program `tfx-sequence`, whose first argument selects a command such as `run`."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tfx_sequence.pipeline.commands import convert, init, inspect, predict, run, schema, validate

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.run import PipelineFactory


class Command(Protocol):
    """What each module of `tfx_sequence.pipeline.commands` defines.

    The modules themselves are the commands. For a type checker, the functions of a module implement methods.

    Attributes:
      HELP: One line for the list of commands.
      DESCRIPTION: What the command does, and its exit codes.
    """

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's arguments to its parser."""

    def main(self, arguments: argparse.Namespace) -> int:
        """Runs the command with parsed arguments. Returns the exit code."""


COMMANDS: dict[str, Command] = {
    "init": init,
    "run": run,
    "predict": predict,
    "validate": validate,
    "schema": schema,
    "convert": convert,
    "inspect": inspect,
}
"""The name of each command and its module, in the order in which `--help` lists them."""


def main(argv: Sequence[str] | None = None, *, factory: PipelineFactory | None = None) -> int:
    """Parses the arguments and runs the command that they name.

    Args:
      argv: The command-line arguments, without the program's name. If None, the arguments of this process.
      factory: The function that makes the pipeline for the command `run`. If None, `run` uses `create_pipeline`.

    Returns:
      The exit code.
    """
    arguments = _make_parser().parse_args(argv)
    # Only `run` uses the factory. It is a Python function, so it cannot be a command-line argument.
    arguments.factory = factory
    return COMMANDS[arguments.command].main(arguments)


def _make_parser() -> argparse.ArgumentParser:
    version = importlib.metadata.version("tfx-sequence")
    parser = argparse.ArgumentParser(
        prog="tfx-sequence",
        description="Check data that consists of sequences, and train, evaluate and serve recurrent models with TFX.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.DESCRIPTION)
        command.add_arguments(subparser)
    return parser
