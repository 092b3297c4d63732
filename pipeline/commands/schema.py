"""Implements the command `schema`, which infers a schema from data, compares two schemas, or shows a schema."""

from __future__ import annotations

import argparse
import json
import tempfile
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import run_in_session

if TYPE_CHECKING:
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "infer, compare and show schemas"
DESCRIPTION = "Infer, compare and show schemas of sequences."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command, which has the subcommands `infer`, `diff` and `show`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "Infer a schema from the split train, or from all data if there is no such split, and write it as text."
    infer = actions.add_parser("infer", help="infer the schema of data", description=text)
    infer.add_argument(
        "data", metavar="DATA", nargs="*", help="a file, a folder or a pattern; not needed with --config"
    )
    infer.add_argument("-o", "--output", metavar="FILE", help="the file to write; stdout if not given")
    infer.add_argument(
        "--json",
        action="store_true",
        help="write one JSON object to stdout, with the SequenceSpec of the schema, all else to stderr",
    )
    infer.set_defaults(work=_infer)
    add_data_arguments(infer)

    text = (
        "List the differences between two schemas. Exit code: 0 if there are none, 1 if there are some, 2 if a schema "
        "cannot be read."
    )
    diff = actions.add_parser("diff", help="compare two schemas", description=text)
    diff.add_argument("old", metavar="A", help="a schema.pbtxt")
    diff.add_argument("new", metavar="B", help="another schema.pbtxt")
    diff.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")
    diff.set_defaults(work=_diff)

    show = actions.add_parser(
        "show", help="show a schema", description="Show the features of a schema and their properties."
    )
    show.add_argument("schema", metavar="S", help="a schema.pbtxt")
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write the JSON of a SequenceSpec")
    form.add_argument("--toml", action="store_true", help="write the tables of a config")
    show.set_defaults(work=_show)


def main(arguments: argparse.Namespace) -> int:
    """Runs the subcommand. Returns the exit code."""
    return run_in_session("schema", arguments.json, lambda streams: arguments.work(arguments, streams))


def _infer(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.datasets.schema_files import check_folder
    from tfx_sequence.pipeline.runs.display import make_display

    if arguments.output:
        check_folder(arguments.output)
    dataset = read_data_arguments(arguments, arguments.data)
    with make_display(streams.err) as display, tempfile.TemporaryDirectory() as folder:
        display.show_message("Loading TensorFlow ...")
        from tfx_sequence.pipeline.datasets.dataset_records import convert_to_records
        from tfx_sequence.pipeline.datasets.schema_files import write_schema
        from tfx_sequence.pipeline.datasets.schema_inference import infer_schema_of_files
        from tfx_sequence.schemas.tfmd.convert import from_schema, list_undescribed

        display.show_message("Reading the data ...")
        records = convert_to_records(dataset, folder)
        display.show_message("Inferring a schema ...")
        schema, _ = infer_schema_of_files(records.splits, records.spec, dataset.open_features)
    left_out = {**records.left_out, **list_undescribed(schema)}
    for name, reason in left_out.items():
        print(f"left out: {name!r} {reason}", file=streams.err)
    if arguments.json:
        if arguments.output:
            write_schema(schema, arguments.output, streams.out)
        spec = json.loads(from_schema(schema).to_json())
        print(json.dumps({"spec": spec, "left_out": left_out}, ensure_ascii=False), file=streams.out)
    else:
        write_schema(schema, arguments.output, streams.out)
    return ExitCode.DONE


def _diff(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.schema_files import read_schema
    from tfx_sequence.schemas.tfmd.diff import diff_schemas

    differences = diff_schemas(read_schema(arguments.old), read_schema(arguments.new))
    if arguments.json:
        print(json.dumps({"differences": differences}, ensure_ascii=False), file=streams.out)
    else:
        print("\n".join(differences) or "no difference", file=streams.out)
    return ExitCode.FAILED if differences else ExitCode.DONE


def _show(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.schema_files import print_schema, read_schema
    from tfx_sequence.schemas.spec_toml import to_toml
    from tfx_sequence.schemas.tfmd.convert import from_schema

    schema = read_schema(arguments.schema)
    if arguments.json:
        print(from_schema(schema).to_json(), file=streams.out)
    elif arguments.toml:
        print(to_toml(from_schema(schema)), end="", file=streams.out)
    else:
        print_schema(schema, streams.out)
    return ExitCode.DONE
