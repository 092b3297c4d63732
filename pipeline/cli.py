"""The command `tfx-sequence`."""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfx_sequence.pipeline.run import PipelineFactory


def main(argv: Sequence[str] | None = None, *, factory: PipelineFactory | None = None) -> int:
    """Runs the command.

    Nothing here imports TensorFlow, which takes seconds: help and mistakes are answered at once.

    Args:
      argv: The arguments; those of the process if None.
      factory: What makes the pipeline that `run` runs; `create_pipeline` if None.

    Returns:
      The exit code.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command == "run":
        from tfx_sequence.pipeline.run import run

        return run(arguments.config, arguments.json, factory)
    from tfx_sequence.pipeline.predict import predict

    return predict(arguments.model, arguments.text, arguments.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfx-sequence",
        description="Train, judge and serve recurrent models on sequences of unequal length, with TFX.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {importlib.metadata.version('tfx-sequence')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the pipeline of a config", description="Run the pipeline of a config.")
    run.add_argument("config", metavar="CONFIG", help="a TOML file; see docs/configuration.md")
    run.add_argument("--json", action="store_true", help="one JSON object on stdout, all else on stderr")

    predict = commands.add_parser(
        "predict",
        help="tag sentences with a model",
        description="Tag sentences with a model: a token and its label a line, a blank line after each sentence.",
    )
    predict.add_argument("model", metavar="MODEL", help="a SavedModel, or a serving folder with versions of it")
    predict.add_argument(
        "text", metavar="TEXT", nargs="*", help="a sentence, spaces between its tokens; if none: stdin"
    )
    predict.add_argument("--json", action="store_true", help="write a JSON object a sentence")
    return parser
