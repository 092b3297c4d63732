"""The command `validate`: shows what is in data, and what is wrong with it, without a pipeline."""

from __future__ import annotations

import argparse
import tempfile
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.terminal.session import run_in_session

if TYPE_CHECKING:
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "look at data, and say what is wrong with it"
DESCRIPTION = (
    "Look at every record of some data, and say what is in it and what is wrong. A file is of the split train, dev, "
    "test or the like if its name, or that of its folder, ends so, and else of one of its own name. Exit code: 0 if "
    "nothing is wrong, 1 if something is, 2 if the data cannot be looked at."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("data", metavar="DATA", nargs="*", help="a file, a folder or a pattern; see --config for none")
    parser.add_argument("--schema", metavar="FILE", help="what the data should be; if not given, what train is")
    parser.add_argument("--against", metavar="DATA", help="data that it should be like, described in the same way")
    parser.add_argument("--batch-size", metavar="N", type=int, default=32, help="for the padding it wastes (32)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, all else on stderr")
    parser.add_argument("--html", metavar="FILE", help="write a report with plots, too")
    parser.add_argument(
        "--fail-on", choices=("error", "warning", "never"), default="error", help="the least severity for 1 (error)"
    )
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Validates the data; returns the exit code."""
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
    if arguments.html:
        from tfx_sequence.pipeline.datasets.html_report import render_html
        from tfx_sequence.pipeline.datasets.schema_files import write_text

        write_text(arguments.html, render_html(report, title=" ".join(arguments.data) or arguments.config))
    if arguments.json:
        print(report.model_dump_json(), file=streams.out)
    else:
        from tfx_sequence.pipeline.datasets.text_report import print_report

        print_report(report, streams.out)
    return 1 if report.failures else 0
