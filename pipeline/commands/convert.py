"""Implements the command `convert`, which writes TFRecord files of SequenceExamples without a pipeline."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from tfx_sequence.components.sequence_example_gen.config import MAX_SHARDS
from tfx_sequence.pipeline.datasets.arguments import add_data_arguments, make_count_parser
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import report_failure, run_in_session
from tfx_sequence.schemas import contract

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
    from tfx_sequence.pipeline.datasets.dataset import Dataset
    from tfx_sequence.pipeline.terminal.quiet import Streams
    from tfx_sequence.schemas.spec import SequenceSpec

HELP = "write TFRecord files of SequenceExamples"
DESCRIPTION = (
    "Read files of sequences and write gzipped TFRecord files of SequenceExamples. If the names of the files say their "
    "splits (train.jsonl, tr-ud-dev.conllu, test/seq.in) and one split is train, the files of each split are written "
    f"to a folder {contract.SPLIT_PREFIX}<name>, as in an Examples artifact. If not, all files are written to OUTPUT "
    "itself. Exit code: 0 if files were written, 1 if bad records prevented this, 2 if the data cannot be read."
)

_ADVICE = (
    "Correct the record, or leave bad records out with --max-reject-fraction. If all records are like this one, "
    "describe the data with --format, --option and --feature."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "input", metavar="INPUT", nargs="*", help="a file, a folder or a pattern; not needed with --config"
    )
    parser.add_argument("output", metavar="OUTPUT", help="a new or empty folder")
    parser.add_argument(
        "--shards",
        metavar="N",
        type=make_count_parser(1, MAX_SHARDS),
        help="the number of files per split (default: 1)",
    )
    parser.add_argument(
        "--max-reject-fraction",
        metavar="X",
        type=float,
        help="leave bad records out if their share is at most X, from 0 to 1; they are written to OUTPUT/Rejects",
    )
    parser.add_argument(
        "--max-damaged-files",
        metavar="N",
        type=make_count_parser(0),
        help="allow N files that cannot be read to their end, and keep the records before the damage (default: 0)",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Converts the data. Returns the exit code."""
    return run_in_session("convert", arguments.json, lambda streams: _convert(arguments, streams))


def _convert(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.runs.display import make_display

    dataset = _apply_arguments(read_data_arguments(arguments, arguments.input), arguments)
    with make_display(streams.err) as display:
        display.show_message("Loading Apache Beam ...")
        from tfx_sequence.components.sequence_example_gen.conversion import convert
        from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import DamagedFilesError
        from tfx_sequence.pipeline.datasets.dataset_records import find_features
        from tfx_sequence.schemas.records.rejects import BadRecordError

        spec, left_out = find_features(dataset)
        file_count = len(dataset.files)
        display.show_message(f"Converting {file_count} {'file' if file_count == 1 else 'files'} ...")
        try:
            counts = convert(
                _choose_input(dataset),
                arguments.output,
                spec=spec,
                read=dataset.read,
                split=dataset.split,
                write=dataset.write,
            )
        except DamagedFilesError as error:
            return report_failure(str(error), arguments.json, streams, ExitCode.FAILED)
        except BadRecordError as error:
            # With "reject", bad records are left out until there are too many. That error already says what to do.
            has_too_many = dataset.read.on_bad_record == "reject"
            message = str(error) if has_too_many else f"{error.reject}\n{_ADVICE}"
            return report_failure(message, arguments.json, streams, ExitCode.FAILED)
    if arguments.json:
        _print_json(counts, left_out, streams.out)
    else:
        _print_report(spec, counts, left_out, streams.out)
    return ExitCode.DONE


def _apply_arguments(dataset: Dataset, arguments: argparse.Namespace) -> Dataset:
    """Returns the data set with the settings from the command line, which replace those of a config."""
    from tfx_sequence.components.sequence_example_gen.config import ReadConfig, WriteConfig
    from tfx_sequence.pipeline.datasets.dataset import build_setting

    read, write = dataset.read, dataset.write
    if arguments.max_reject_fraction is not None:
        values = {**read.model_dump(), "on_bad_record": "reject", "max_reject_fraction": arguments.max_reject_fraction}
        read = build_setting(ReadConfig, "--max-reject-fraction", values)
    if arguments.max_damaged_files is not None:
        values = {**read.model_dump(), "max_damaged_files": arguments.max_damaged_files}
        read = build_setting(ReadConfig, "--max-damaged-files", values)
    if arguments.shards is not None:
        values = {**write.model_dump(), "num_shards": arguments.shards}
        write = build_setting(WriteConfig, "--shards", values)
    return dataclasses.replace(dataset, read=read, write=write)


def _choose_input(dataset: Dataset) -> dict[str, list[str]] | list[str]:
    """Returns the input of `convert`: split name to files, or a list of all files.

    The files are grouped by split only if there are several splits, one of them is train, and the records are not to be
    divided over other splits.
    """
    from tfx_sequence.pipeline.datasets.dataset import TRAIN

    if not dataset.split and len(dataset.splits) > 1 and TRAIN in dataset.splits:
        return dataset.splits
    return dataset.files


def _print_json(counts: ReadCounts, left_out: Mapping[str, str], out: TextIO) -> None:
    report = {
        **counts.counts,
        "rejected": counts.rejected,
        "damaged": {damaged_file.file: damaged_file.message for damaged_file in counts.damaged_files},
        "written": counts.written,
        "left_out": left_out,
    }
    print(json.dumps(report, ensure_ascii=False), file=out)


def _print_report(spec: SequenceSpec, counts: ReadCounts, left_out: Mapping[str, str], out: TextIO) -> None:
    from tfx_sequence.pipeline.datasets.dataset import make_split_sort_key
    from tfx_sequence.pipeline.datasets.text_report import describe_feature

    totals = counts.counts
    print(
        f"read {totals[contract.RECORDS_READ]:,}, accepted {totals[contract.RECORDS_ACCEPTED]:,}, "
        f"rejected {totals[contract.RECORDS_REJECTED]:,}",
        file=out,
    )
    if counts.damaged_files:
        print(
            f"files {totals[contract.FILES_MATCHED]:,}, whole {totals[contract.FILES_WHOLE]:,}, "
            f"damaged {totals[contract.FILES_DAMAGED]:,}",
            file=out,
        )
        _print_block("Damaged", {damaged_file.file: damaged_file.message for damaged_file in counts.damaged_files}, out)
    written = sorted(counts.written.items(), key=make_split_sort_key)
    _print_block("Written", {split: f"{count:,}" for split, count in written}, out)
    _print_block("Rejected", {reason: f"{count:,}" for reason, count in counts.rejected.items()}, out)
    _print_block("Features", {name: describe_feature(feature) for name, feature in spec.features.items()}, out)
    _print_block("Left out", left_out, out)


def _print_block(title: str, lines: Mapping[str, str], out: TextIO) -> None:
    """Prints a title, and below it one line per name with its text. Prints nothing if there are no names."""
    if not lines:
        return
    width = max(map(len, lines))
    print(title, file=out)
    for name, text in lines.items():
        print(f"  {name:<{width}}  {text}", file=out)
