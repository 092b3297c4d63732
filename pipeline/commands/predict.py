"""`tfx-sequence predict`: what a model says, of sentences or of files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.terminal.session import CommandError, in_session

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
    from tfx_sequence.pipeline.datasets.dataset import Data
    from tfx_sequence.pipeline.terminal.quiet import Streams
    from tfx_sequence.schemas.spec import SequenceSpec

HELP = "ask a model about sentences or files"
DESCRIPTION = (
    "Ask a model. Sentences: a token and its label a line, a blank line after each. Files, with --input and --output: "
    "of any format that can be read, record by record in their order, long ones that were cut for reading whole again. "
    "Exit code: 0, or 1 if records were rejected, or 2 if there is no answer."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("model", metavar="MODEL", help="a SavedModel, or a serving folder with versions of it")
    parser.add_argument("text", metavar="TEXT", nargs="*", help="a sentence, spaces between its tokens; if none: stdin")
    parser.add_argument("--json", action="store_true", help="JSON on stdout: an object a sentence, or one about files")
    files = parser.add_argument_group("files in place of sentences")
    files.add_argument(
        "--input", metavar="PATH", action="append", default=[], help="a file, a folder or a pattern; may be repeated"
    )
    files.add_argument("--output", metavar="FOLDER", help="a folder that is empty or not there yet")
    files.add_argument(
        "--to",
        choices=["jsonl", "columns", "tfrecord"],
        default="jsonl",
        help="jsonl: an object a record, with ids and scores; columns: a line a step; tfrecord: SequenceExamples",
    )
    files.add_argument(
        "--shards", metavar="N", type=int, default=1, help="files a split, which are worked on apart (1)"
    )
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Asks the model; returns the exit code."""
    if not (arguments.input or arguments.output or arguments.config):
        from tfx_sequence.pipeline.prediction.predict_text import predict

        return predict(arguments.model, arguments.text, arguments.json)
    return in_session("predict", arguments.json, lambda streams: _predict_files(arguments, streams))


def _predict_files(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.prediction.text_model import find_model
    from tfx_sequence.pipeline.runs.display import display_on

    if arguments.text:
        raise CommandError(f"there are both sentences ({arguments.text[0]!r}) and files; give the one or the other")
    if not arguments.output:
        raise CommandError("files need a folder for the answers: --output FOLDER")
    find_model(arguments.model)
    data = read_data_arguments(arguments, arguments.input)
    with display_on(streams.err) as display, tempfile.TemporaryDirectory() as folder:
        display.say("Loading TensorFlow and the model ...")
        import apache_beam as beam

        from tfx_sequence.components.sequence_example_gen.files import file_system
        from tfx_sequence.pipeline.prediction.predict_files import predict_files
        from tfx_sequence.pipeline.prediction.record_model import FileModel

        if file_system.match(file_system.join(arguments.output, "*")):
            raise CommandError(f"the output folder {arguments.output!r} is not empty; name a new one, or empty it")
        spec = _spec(FileModel(arguments.model).inputs, data.spec, arguments.model)
        display.say("Reading ...")
        tally, splits = _records(data, spec, arguments, folder)
        display.say(f"Asking about {tally.counts['records_accepted']:,} records ...")
        files = predict_files(arguments.model, splits, spec, arguments.output, arguments.to, beam.Pipeline)
    if arguments.json:
        print(json.dumps({**tally.counts, "rejected": tally.rejected, "files": files}), file=streams.out)
    else:
        print(*files, sep="\n", file=streams.out)
        for reason, count in tally.rejected.items():
            print(f"tfx-sequence: {count:,} records rejected: {reason}", file=streams.err)
    return 1 if tally.rejected else 0


def _spec(inputs: SequenceSpec, given: SequenceSpec | None, model: str) -> SequenceSpec:
    """What is read of a record: what the model needs, and what else somebody has described, save for the labels."""
    if given is None:
        return inputs
    kept = {name: feature for name, feature in given.features.items() if feature.role not in ("label", "weight")}
    missing = [name for name in inputs.features if name not in kept]
    if missing:
        raise CommandError(
            f"the model in {model} reads {', '.join(inputs.features)}, but among the features that were given there is "
            f"no {missing[0]!r}"
        )
    return given.model_copy(update={"features": kept, "min_length": 0})


def _records(
    data: Data, spec: SequenceSpec, arguments: argparse.Namespace, folder: str
) -> tuple[ReadCounts, dict[str, list[str]]]:
    """The data as TFRecord files in the order of reading, and what became of its records."""
    from tfx_sequence.components.sequence_example_gen.config import WriteConfig
    from tfx_sequence.components.sequence_example_gen.conversion import convert
    from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
    from tfx_sequence.pipeline.datasets.dataset import made
    from tfx_sequence.pipeline.datasets.dataset_records import describe_records

    describe_records(dataclasses.replace(data, spec=spec))
    if data.read.on_long == "split" and arguments.shards > 1:
        raise CommandError("--shards goes with whole records only, but the config cuts long ones (on_long = 'split')")
    tally = convert(
        data.splits,
        folder,
        spec=spec,
        read=data.read.model_copy(update={"on_bad_record": "reject", "max_reject_fraction": 1.0}),
        # For a moment only, in the order that the records come in.
        write=made(WriteConfig, "--shards", num_shards=arguments.shards, shuffle=False, compression_level=1),
    )
    return tally, find_splits(folder)
