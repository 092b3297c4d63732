"""Implements the command `prune`, which removes the artifacts of old runs that nothing reads any more."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from typing import TYPE_CHECKING, TextIO

from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import CommandError, run_in_session

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.pruning import Prunable
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "remove the artifacts of old runs"
DESCRIPTION = (
    "Show the artifacts and logs of old runs that nothing reads any more, and with --yes remove them. Never removed "
    "are the artifacts of the newest successful runs and of all runs after them, the newest artifact of each output, "
    "the latest blessed model, the state of interrupted trainings, and pushed models, for which there is keep_versions "
    "in [serving]. Exit code: 0 if the files are shown or removed, 2 if the config cannot be used or a run is going on."
)

_KEEP_RUNS = 3
"""The default of `--keep-runs`: the newest run, one to compare it with, and one to go back to."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("config", metavar="CONFIG", help="the TOML file of the pipeline")
    parser.add_argument(
        "--keep-runs",
        metavar="N",
        type=int,
        default=_KEEP_RUNS,
        help=f"the number of newest successful runs to keep (default: {_KEEP_RUNS})",
    )
    parser.add_argument("--yes", action="store_true", help="remove the files; without it, they are only shown")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")


def main(arguments: argparse.Namespace) -> int:
    """Shows or removes what old runs have left. Returns the exit code."""
    return run_in_session("prune", arguments.json, lambda streams: _prune(arguments, streams))


def _prune(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.config.toml_file import read_config
    from tfx_sequence.pipeline.runs.run_lock import lock_root

    if arguments.keep_runs < 1:
        raise CommandError(f"--keep-runs {arguments.keep_runs}: expected at least 1")
    pipeline = read_config(arguments.config).pipeline
    # Without metadata, there was no run. The root need not be made then.
    lock = lock_root(pipeline.root) if os.path.exists(pipeline.metadata_path) else contextlib.nullcontext()
    with lock:
        from tfx_sequence.pipeline.runs.pruning import find_prunable, prune

        prunable = find_prunable(pipeline, arguments.keep_runs)
        if arguments.yes:
            prune(pipeline, prunable)
    if arguments.json:
        _print_json(prunable, arguments.yes, streams.out)
    else:
        _print_report(prunable, arguments.yes, streams.out)
    return ExitCode.DONE


def _print_json(prunable: Prunable, is_removed: bool, out: TextIO) -> None:
    report = {
        "removed": is_removed,
        "runs": prunable.runs,
        "paths": prunable.paths,
        "bytes": prunable.num_bytes,
    }
    print(json.dumps(report, ensure_ascii=False), file=out)


def _print_report(prunable: Prunable, is_removed: bool, out: TextIO) -> None:
    if not prunable.paths:
        print("nothing to remove", file=out)
        return
    print(*prunable.paths, sep="\n", file=out)
    what = f"{len(prunable.paths):,} folders and files of {len(prunable.runs):,} runs, {prunable.num_bytes:,} bytes"
    print(f"removed {what}" if is_removed else f"would remove {what}; --yes removes them", file=out)
