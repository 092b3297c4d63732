"""`tfx-sequence convert`: TFRecord files of SequenceExamples without a pipeline."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.terminal.session import in_session, tell

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
    from tfx_sequence.pipeline.datasets.dataset import Data
    from tfx_sequence.pipeline.terminal.quiet import Streams
    from tfx_sequence.schemas.spec import SequenceSpec

HELP = "write TFRecord files of SequenceExamples"
DESCRIPTION = (
    "Read files of sequences and write TFRecord files of SequenceExamples, gzipped. If files are named for their split "
    "(train.jsonl, tr-ud-dev.conllu, test/seq.in) and train is among them, there is a folder Split-<name> for each, as "
    "an Examples artifact has it; others go to OUTPUT itself. Exit code: 0 if files were written, 1 if none were, "
    "because of bad records, 2 if the data cannot be read."
)

_ADVICE = (
    "Mend the record, or leave such records out with --max-reject-fraction. If all records are like it, say what the "
    "data is with --format, --option and --feature."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument(
        "input", metavar="INPUT", nargs="*", help="a file, a folder or a pattern; see --config for none"
    )
    parser.add_argument("output", metavar="OUTPUT", help="a folder that is empty or not there yet")
    parser.add_argument("--shards", metavar="N", type=int, help="files a split (1)")
    parser.add_argument(
        "--max-reject-fraction",
        metavar="X",
        type=float,
        help="leave bad records out, if they are no more than such a share of all; write them to OUTPUT/Rejects",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, all else on stderr")
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Converts; returns the exit code."""
    return in_session("convert", arguments.json, lambda streams: _convert(arguments, streams))


def _convert(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.runs.display import display_on

    data = _with_settings(read_data_arguments(arguments, arguments.input), arguments)
    with display_on(streams.err) as display:
        display.say("Loading Apache Beam ...")
        from tfx_sequence.components.sequence_example_gen.conversion import convert
        from tfx_sequence.pipeline.datasets.dataset_records import describe_records
        from tfx_sequence.schemas.records.rejects import BadRecordError

        spec, left_out = describe_records(data)
        files = sum(map(len, data.splits.values()))
        display.say(f"Converting {files} {'file' if files == 1 else 'files'} ...")
        try:
            tally = convert(
                _patterns(data), arguments.output, spec=spec, read=data.read, split=data.split, write=data.write
            )
        except BadRecordError as error:
            message = str(error) if data.read.on_bad_record == "reject" else f"{error.reject}\n{_ADVICE}"
            return tell(message, arguments.json, streams, 1)
    report = {**tally.counts, "rejected": tally.rejected, "written": tally.written, "left_out": left_out}
    if arguments.json:
        print(json.dumps(report, ensure_ascii=False), file=streams.out)
    else:
        _print(spec, tally, left_out, streams)
    return 0


def _with_settings(data: Data, arguments: argparse.Namespace) -> Data:
    """The data, read and written as the arguments say where they say it."""
    from tfx_sequence.components.sequence_example_gen.config import ReadConfig, WriteConfig
    from tfx_sequence.pipeline.datasets.dataset import made

    read, write = data.read, data.write
    if arguments.max_reject_fraction is not None:
        given = {"on_bad_record": "reject", "max_reject_fraction": arguments.max_reject_fraction}
        read = made(ReadConfig, "--max-reject-fraction", **(read.model_dump() | given))
    if arguments.shards is not None:
        write = made(WriteConfig, "--shards", **(write.model_dump() | {"num_shards": arguments.shards}))
    return dataclasses.replace(data, read=read, write=write)


def _patterns(data: Data) -> Any:
    """Files by split if they come so, with train among the splits, or else all of them."""
    from tfx_sequence.pipeline.datasets.dataset import TRAIN

    if not data.split and len(data.splits) > 1 and TRAIN in data.splits:
        return data.splits
    return data.files


def _print(spec: SequenceSpec, tally: ReadCounts, left_out: Mapping[str, str], streams: Streams) -> None:
    from tfx_sequence.pipeline.datasets.dataset import train_first
    from tfx_sequence.pipeline.datasets.text_report import describe

    counts = tally.counts
    print(
        f"read {counts['records_read']:,}, accepted {counts['records_accepted']:,}, "
        f"rejected {counts['records_rejected']:,}",
        file=streams.out,
    )
    for title, rows in (
        ("Written", {split: f"{count:,}" for split, count in sorted(tally.written.items(), key=train_first)}),
        ("Rejected", {reason: f"{count:,}" for reason, count in tally.rejected.items()}),
        ("Features", {name: describe(feature) for name, feature in spec.features.items()}),
        ("Left out", left_out),
    ):
        if rows:
            width = max(map(len, rows))
            print(title, *(f"  {name:<{width}}  {text}" for name, text in rows.items()), sep="\n", file=streams.out)
