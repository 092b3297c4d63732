"""The command `tfx-sequence`."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.commands import convert, init, inspect, predict, run, schema, validate

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.run import PipelineFactory

_COMMANDS = {
    "init": init,
    "run": run,
    "predict": predict,
    "validate": validate,
    "schema": schema,
    "convert": convert,
    "inspect": inspect,
}


def main(argv: Sequence[str] | None = None, *, factory: PipelineFactory | None = None) -> int:
    """Runs the command.

    Nothing here imports TensorFlow, which takes seconds: help and mistakes are answered at once.

    Args:
      argv: The arguments; those of the process if None.
      factory: What makes the pipeline that `run` runs; `create_pipeline` if None.

    Returns:
      The exit code.
    """
    arguments = _parser().parse_args(argv, argparse.Namespace(factory=factory))
    code: int = arguments.main(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfx-sequence",
        description="Sequences of unequal length with TFX: look at data, train recurrent models, judge and serve them.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {importlib.metadata.version('tfx-sequence')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        one = commands.add_parser(name, help=command.HELP, description=command.DESCRIPTION)
        one.set_defaults(main=command.main)
        command.add_arguments(one)
    return parser
