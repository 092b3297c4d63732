"""Implements the command `inspect`, which shows the content of TFRecord files of SequenceExamples."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import make_count_parser
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import run_in_session

if TYPE_CHECKING:
    import rich.console

    from tfx_sequence.components.sequence_example_gen.discovery.inspect import Inspection
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "show the content of TFRecord files of SequenceExamples"
DESCRIPTION = (
    "Show the number of records in TFRecord files of SequenceExamples, their features, their lengths, and the first "
    "records. Exit code: 0 if all records can be read, 1 if some are damaged, 2 if the files cannot be read."
)

_MAX_REJECTS = 10
"""The maximum number of damaged places to print. With `--json`, all of them are written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "path", metavar="PATH", help="a file, a pattern, a folder, or the folder of an Examples artifact"
    )
    parser.add_argument(
        "--records",
        metavar="N",
        type=make_count_parser(0),
        default=3,
        help="the number of records to show (default: 3)",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")


def main(arguments: argparse.Namespace) -> int:
    """Shows the content of the files. Returns the exit code."""
    return run_in_session("inspect", arguments.json, lambda streams: _inspect(arguments, streams))


def _inspect(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
    from tfx_sequence.pipeline.runs.display import make_display
    from tfx_sequence.pipeline.terminal.tables import make_console

    # This raises an error if there is no file. The person does not wait until TensorFlow is loaded.
    find_splits(arguments.path)
    with make_display(streams.err) as display:
        display.show_message("Loading TensorFlow ...")
        from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect

        inspection = inspect(arguments.path, arguments.records)
    if arguments.json:
        print(inspection.model_dump_json(), file=streams.out)
    else:
        _print_inspection(inspection, make_console(streams.out))
    return ExitCode.FAILED if inspection.damage else ExitCode.DONE


def _print_inspection(inspection: Inspection, console: rich.console.Console) -> None:
    file_count = len(inspection.files)
    files = "1 file" if file_count == 1 else f"{file_count:,} files"
    console.print(f"{files}, {inspection.records:,} records, {inspection.steps:,} steps\n")
    _print_features(inspection, console)
    console.print()
    _print_lengths(inspection, console)
    if inspection.unequal:
        console.print(f"\n{inspection.unequal:,} records have sequence features of different lengths", style="yellow")
    for record in inspection.first:
        console.print()
        for name, value in record.items():
            console.print(f"{name}: {json.dumps(value, ensure_ascii=False)}", markup=False)
    for reject in inspection.damage[:_MAX_REJECTS]:
        console.print(f"\n{reject}", style="red", markup=False)


def _print_features(inspection: Inspection, console: rich.console.Console) -> None:
    from tfx_sequence.pipeline.terminal.tables import make_table

    rows = []
    for feature in inspection.features:
        values_in_step = f"{feature.shortest:,}"
        if feature.longest != feature.shortest:
            values_in_step += f" - {feature.longest:,}"
        place = "context" if feature.context else "sequence"
        dtypes = " and ".join(feature.dtypes) or "no value"
        rows.append([feature.name, place, dtypes, f"{feature.records:,}", f"{feature.values:,}", values_in_step])
    console.print(make_table(["feature", "in", "type", "records", "values", "values in a step"], rows))


def _print_lengths(inspection: Inspection, console: rich.console.Console) -> None:
    from tfx_sequence.pipeline.terminal.tables import draw_bar, make_table

    histogram = inspection.histogram()
    max_count = max((count for _, _, count in histogram), default=0)
    rows = []
    for low, high, count in histogram:
        # A bin of the histogram may be a single length.
        steps = f"{low} - {high}" if low < high else str(low)
        rows.append([steps, f"{count:,}", draw_bar(count, max_count)])
    console.print(make_table(["steps", "records", ""], rows))
