"""The command `predict`: asks a model about sentences or files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.terminal.session import CommandError, run_in_session
from tfx_sequence.schemas.contract import RECORDS_ACCEPTED

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
    from tfx_sequence.pipeline.datasets.dataset import Dataset
    from tfx_sequence.pipeline.terminal.quiet import Streams
    from tfx_sequence.schemas.spec import SequenceSpec

HELP = "ask a model about sentences or files"
DESCRIPTION = (
    "Ask a model. Sentences: a token and its label a line, a blank line after each. Files, with --input and --output: "
    "of any format that can be read, record by record in their order, long ones that were cut for reading whole again. "
    "Exit code: 0, or 1 if records were rejected, or 2 if there is no answer."
)


_TRAINING_ROLES = ("label", "weight")
"""Roles of features that only training needs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
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
    if arguments.input or arguments.output or arguments.config:
        return run_in_session("predict", arguments.json, lambda streams: _predict_files(arguments, streams))
    from tfx_sequence.pipeline.prediction.predict_text import predict_text

    return predict_text(arguments.model, arguments.text, arguments.json)


def _predict_files(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.prediction.saved_model import find_model
    from tfx_sequence.pipeline.runs.display import make_display

    if arguments.text:
        raise CommandError(f"there are both sentences ({arguments.text[0]!r}) and files; give the one or the other")
    if not arguments.output:
        raise CommandError("files need a folder for the answers: --output FOLDER")
    # Raises if there is no model, before TensorFlow is loaded.
    find_model(arguments.model)
    dataset = read_data_arguments(arguments, arguments.input)
    with make_display(streams.err) as display, tempfile.TemporaryDirectory() as folder:
        display.show_message("Loading TensorFlow and the model ...")
        import apache_beam as beam

        from tfx_sequence.components.sequence_example_gen.files import file_system
        from tfx_sequence.pipeline.prediction.predict_files import predict_files
        from tfx_sequence.pipeline.prediction.record_model import RecordModel

        if file_system.match(file_system.join(arguments.output, "*")):
            raise CommandError(f"the output folder {arguments.output!r} is not empty; name a new one, or empty it")
        spec = _choose_features(RecordModel(arguments.model).inputs, dataset.spec, arguments.model)
        display.show_message("Reading ...")
        counts, splits = _convert_in_order(dataset, spec, arguments, folder)
        display.show_message(f"Asking about {counts.counts[RECORDS_ACCEPTED]:,} records ...")
        files = predict_files(arguments.model, splits, spec, arguments.output, arguments.to, beam.Pipeline)
    if arguments.json:
        print(json.dumps({**counts.counts, "rejected": counts.rejected, "files": files}), file=streams.out)
    else:
        print(*files, sep="\n", file=streams.out)
        for reason, count in counts.rejected.items():
            print(f"tfx-sequence: {count:,} records rejected: {reason}", file=streams.err)
    return 1 if counts.rejected else 0


def _choose_features(inputs: SequenceSpec, described: SequenceSpec | None, model: str) -> SequenceSpec:
    """Returns the features to read of a record.

    They are those that the model needs, and others that somebody has described, but for labels and weights, which new
    data need not have.
    """
    if described is None:
        return inputs
    features = {name: feature for name, feature in described.features.items() if feature.role not in _TRAINING_ROLES}
    missing = [name for name in inputs.features if name not in features]
    if missing:
        raise CommandError(
            f"the model in {model} reads {', '.join(inputs.features)}, but among the features that were given there is "
            f"no {missing[0]!r}"
        )
    return described.model_copy(update={"features": features, "min_length": 0})


def _convert_in_order(
    dataset: Dataset, spec: SequenceSpec, arguments: argparse.Namespace, folder: str
) -> tuple[ReadCounts, dict[str, list[str]]]:
    """Writes the data as TFRecord files in the order of reading; returns counts of records, and split name to files."""
    from tfx_sequence.components.sequence_example_gen.config import WriteConfig
    from tfx_sequence.components.sequence_example_gen.conversion import convert
    from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
    from tfx_sequence.pipeline.datasets.dataset import build_setting
    from tfx_sequence.pipeline.datasets.dataset_records import find_features, reject_all_bad_records

    # Raises if the reader does not take the features.
    find_features(dataclasses.replace(dataset, spec=spec))
    # The pieces of a record must lie in one file to be joined again, and shards would spread them.
    if dataset.read.on_long == "split" and arguments.shards > 1:
        raise CommandError("--shards goes with whole records only, but the config cuts long ones (on_long = 'split')")
    counts = convert(
        dataset.splits,
        folder,
        spec=spec,
        read=reject_all_bad_records(dataset.read),
        # The files are read once and thrown away, so their size does not matter.
        write=build_setting(WriteConfig, "--shards", num_shards=arguments.shards, shuffle=False, compression_level=1),
    )
    return counts, find_splits(folder)
