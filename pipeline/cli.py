"""Defines the command-line program `tfx-sequence`, whose first argument selects a command such as `run`."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tfx_sequence.pipeline.commands import convert, init, inspect, predict, prune, run, schema, validate
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.private_folder import use_private_folder
from tfx_sequence.pipeline.terminal.quiet import open_missing_streams
from tfx_sequence.pipeline.terminal.session import format_error

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
    "prune": prune,
}
"""The name of each command and its module, in the order in which `--help` lists them."""


def main(argv: Sequence[str] | None = None, *, factory: PipelineFactory | None = None) -> int:
    """Parses the arguments and runs the command that they name.

    Args:
      argv: The command-line arguments, without the program's name. If None, the arguments of this process.
      factory: The function that makes the pipeline for the command `run`. If None, `run` uses `create_pipeline`.

    Returns:
      The exit code, one of `ExitCode`.

    Raises:
      SystemExit: if the arguments ask for help or for the version. Its code is 0.
    """
    open_missing_streams()
    argv = sys.argv[1:] if argv is None else argv
    as_json = "--json" in argv
    try:
        arguments = _make_parser().parse_args(argv)
        # Only `run` uses the factory. It is a Python function, so it cannot be a command-line argument.
        arguments.factory = factory
        with use_private_folder():
            return int(COMMANDS[arguments.command].main(arguments))
    except _UsageError as error:
        print(f"{error.usage}tfx-sequence: {error}", file=sys.stderr)
        return _report_early_end(str(error), as_json, ExitCode.UNUSABLE)
    except KeyboardInterrupt:
        # The commands themselves report Ctrl-C. This is for Ctrl-C before or after their work.
        print("tfx-sequence: interrupted", file=sys.stderr)
        return _report_early_end("interrupted", as_json, ExitCode.INTERRUPTED)


def _report_early_end(message: str, as_json: bool, code: ExitCode) -> int:
    if as_json:
        print(format_error(message))
    return int(code)


class _UsageError(ValueError):
    """The arguments are not those of a command.

    Args:
      message: What is wrong.
      usage: The usage of the command, as lines.
    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """A parser that raises an error for wrong arguments, and takes no abbreviations of options."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Raises a `_UsageError` in place of ending the program, so that `--json` has its object here too."""
        raise _UsageError(message, self.format_usage())


def _make_parser() -> argparse.ArgumentParser:
    version = importlib.metadata.version("tfx-sequence")
    parser = _Parser(
        prog="tfx-sequence",
        description="Check data that consists of sequences, and train, evaluate and serve recurrent models with TFX.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.DESCRIPTION)
        command.add_arguments(subparser)
    return parser
