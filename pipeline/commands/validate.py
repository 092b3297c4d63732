"""Implements the command `validate`, which shows the content of data and its anomalies, without a pipeline."""

from __future__ import annotations

import argparse
import tempfile
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments, make_count_parser
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import run_in_session

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_validator.examination.data_report import DataReport
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "show the content of data, and what is wrong with it"
DESCRIPTION = (
    "Read every record of data, and show what the data contains and what is wrong with it. A file belongs to the split "
    "train, dev, test or similar if its name or the name of its folder ends with that word. Any other file is a split "
    "of its own. Exit code: 0 if nothing is wrong, 1 if something is wrong, 2 if the data cannot be read."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "data", metavar="DATA", nargs="*", help="a file, a folder or a pattern; not needed with --config"
    )
    parser.add_argument(
        "--schema", metavar="FILE", help="the schema that records must match; inferred from train if not given"
    )
    parser.add_argument("--against", metavar="DATA", help="data to compare with, which is read in the same way")
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=make_count_parser(1),
        default=32,
        help="the number of records per batch, to compute the share of padding (default: 32)",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")
    parser.add_argument("--html", metavar="FILE", help="also write a report with plots")
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "never"),
        default="error",
        help="the lowest severity that results in exit code 1 (default: error)",
    )
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Validates the data. Returns the exit code."""
    return run_in_session("validate", arguments.json, lambda streams: _validate(arguments, streams))


def _validate(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.datasets.schema_files import check_folder, read_schema
    from tfx_sequence.pipeline.runs.display import make_display
    from tfx_sequence.schemas.tfmd.convert import from_schema

    if arguments.html:
        check_folder(arguments.html)
    schema = read_schema(arguments.schema) if arguments.schema else None
    spec = from_schema(schema) if schema else None
    dataset = read_data_arguments(arguments, arguments.data, spec)
    baseline = read_data_arguments(arguments, [arguments.against], spec) if arguments.against else None
    with make_display(streams.err) as display, tempfile.TemporaryDirectory() as folder:
        display.show_message("Loading TensorFlow ...")
        from tfx_sequence.pipeline.datasets.validation import validate

        report = validate(
            dataset,
            baseline,
            schema,
            fail_on=arguments.fail_on,
            batch_size=arguments.batch_size,
            folder=folder,
            show_message=display.show_message,
        )
    _write_report(report, arguments, streams)
    return ExitCode.FAILED if report.failures else ExitCode.DONE


def _write_report(report: DataReport, arguments: argparse.Namespace, streams: Streams) -> None:
    """Writes the report to standard output, as text or JSON, and to the HTML file if there is one."""
    from tfx_sequence.pipeline.datasets.html_report import render_html
    from tfx_sequence.pipeline.datasets.schema_files import write_text
    from tfx_sequence.pipeline.datasets.text_report import print_report

    if arguments.html:
        title = " ".join(arguments.data) or arguments.config
        write_text(arguments.html, render_html(report, title))
    if arguments.json:
        print(report.model_dump_json(), file=streams.out)
    else:
        print_report(report, streams.out)
