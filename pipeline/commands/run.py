"""The command `run`: runs the pipeline of a config."""

from __future__ import annotations

import argparse

HELP = "run the pipeline of a config"
DESCRIPTION = "Run the pipeline of a config."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("config", metavar="CONFIG", help="a TOML file; see docs/configuration.md")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, all else on stderr")


def main(arguments: argparse.Namespace) -> int:
    """Runs the pipeline; returns the exit code."""
    from tfx_sequence.pipeline.runs.run import run

    return run(arguments.config, arguments.json, arguments.factory)
