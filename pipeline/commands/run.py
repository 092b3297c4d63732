"""Implements the command `run`, which runs the pipeline that a config describes."""

from __future__ import annotations

import argparse

from tfx_sequence.pipeline.datasets.arguments import add_span_argument

HELP = "run the pipeline of a config"
DESCRIPTION = (
    "Run the pipeline that a config describes: read the data, train a model, evaluate it and push it. Exit code: 0 if "
    "the run succeeded, 1 if it failed, 2 if the config cannot be used, 3 if the model was trained but not blessed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("config", metavar="CONFIG", help="a TOML file; see docs/configuration.md")
    add_span_argument(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")


def main(arguments: argparse.Namespace) -> int:
    """Runs the pipeline. Returns the exit code."""
    from tfx_sequence.pipeline.runs.run import run

    return run(arguments.config, arguments.json, arguments.factory, arguments.span)
