"""Implements the command `predict`, which asks a model about sentences or about files of records."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfx_sequence.components.sequence_example_gen.config import MAX_SHARDS
from tfx_sequence.pipeline.datasets.arguments import add_data_arguments, make_count_parser
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import CommandError, run_in_session
from tfx_sequence.schemas.contract import RECORDS_ACCEPTED

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
    from tfx_sequence.pipeline.datasets.dataset import Dataset
    from tfx_sequence.pipeline.terminal.quiet import Streams
    from tfx_sequence.schemas.spec import SequenceSpec

HELP = "ask a model about sentences or about files"
DESCRIPTION = (
    "Ask a model about sentences: each line of the output has a token and its label, and a blank line ends a sentence. "
    "A label of the whole sentence is in a line `# name = value` before the tokens. "
    "Or ask about files, with --input and --output. The files may have any format that this program reads. The answers "
    "are in the order of the records, and long records that the config cuts into pieces are joined again. Exit code: 0 "
    "if all records have an answer, 1 if records were rejected or the model failed, 2 if the model or the data cannot "
    "be used."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("model", metavar="MODEL", help="a SavedModel, or a serving folder with versions of a model")
    parser.add_argument(
        "text", metavar="TEXT", nargs="*", help="a sentence with spaces between tokens; stdin if not given"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="write JSON to stdout: one object per sentence, or one object about all files",
    )
    files = parser.add_argument_group("files in place of sentences")
    files.add_argument(
        "--input", metavar="PATH", action="append", default=[], help="a file, a folder or a pattern; may be repeated"
    )
    files.add_argument("--output", metavar="FOLDER", help="a new or empty folder")
    files.add_argument(
        "--to",
        choices=["jsonl", "columns", "tfrecord"],
        default="jsonl",
        help="jsonl: one object per record, with ids and scores; columns: one line per step; tfrecord: "
        "SequenceExamples",
    )
    files.add_argument(
        "--shards",
        metavar="N",
        type=make_count_parser(1, MAX_SHARDS),
        default=1,
        help="the number of files per split, which are processed in parallel (default: 1)",
    )
    add_data_arguments(parser)


def main(arguments: argparse.Namespace) -> int:
    """Asks the model. Returns the exit code."""
    if arguments.input or arguments.output or arguments.config or arguments.span is not None:
        return run_in_session(
            "predict",
            arguments.json,
            lambda streams: _predict_files(arguments, streams),
            unexpected_code=ExitCode.FAILED,
        )
    from tfx_sequence.pipeline.prediction.predict_text import predict_text

    return predict_text(arguments.model, arguments.text, arguments.json)


def _predict_files(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.components.sequence_example_gen.files.output_folder import check_is_empty
    from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
    from tfx_sequence.pipeline.prediction.saved_model import find_model
    from tfx_sequence.pipeline.runs.display import make_display

    if arguments.text:
        raise CommandError(
            f"there are both sentences ({arguments.text[0]!r}) and files; give either sentences or files"
        )
    if not arguments.output:
        raise CommandError("files need a folder for the answers: --output FOLDER")
    # These raise errors before the person has to wait until TensorFlow is loaded.
    check_is_empty(arguments.output)
    find_model(arguments.model)
    dataset = read_data_arguments(arguments, arguments.input)
    with make_display(streams.err) as display, tempfile.TemporaryDirectory() as folder:
        display.show_message("Loading TensorFlow and the model ...")
        from tfx_sequence.components.compat.local_beam import make_local_pipeline
        from tfx_sequence.pipeline.prediction.predict_files import predict_files
        from tfx_sequence.pipeline.prediction.record_model import RecordModel

        model = RecordModel(arguments.model)
        spec = _choose_features(model.inputs, dataset.spec, arguments.model)
        _check_fields(spec, model.answer_names)
        display.show_message("Reading ...")
        spec, counts, splits = _convert_with_labels(dataset, spec, arguments, folder)
        display.show_message(f"Asking about {counts.counts[RECORDS_ACCEPTED]:,} records ...")
        files = predict_files(arguments.model, splits, spec, arguments.output, arguments.to, make_local_pipeline)
    _print_result(counts, files, arguments.json, streams)
    return ExitCode.FAILED if counts.rejected or counts.damaged_files else ExitCode.DONE


def _print_result(counts: ReadCounts, files: Sequence[str], as_json: bool, streams: Streams) -> None:
    """Prints the paths of the files with answers, the number of rejected records, and the damaged files."""
    if as_json:
        damaged = {damaged_file.file: damaged_file.message for damaged_file in counts.damaged_files}
        report = {**counts.counts, "rejected": counts.rejected, "damaged": damaged, "files": files}
        print(json.dumps(report), file=streams.out)
        return
    print(*files, sep="\n", file=streams.out)
    for reason, count in counts.rejected.items():
        print(f"tfx-sequence: {count:,} records rejected: {reason}", file=streams.err)
    for damaged_file in counts.damaged_files:
        print(f"tfx-sequence: damaged file: {damaged_file}", file=streams.err)


def _choose_features(inputs: SequenceSpec, described: SequenceSpec | None, model: str) -> SequenceSpec:
    """Returns the features to read from each record.

    Args:
      inputs: The features that the model needs.
      described: The features that the arguments or the config describe, or None if they describe none. Features that
        the model does not need are written beside the answers. Weights are left out, because only training needs them.
      model: The path of the model, for the error message.

    Raises:
      CommandError: if the described features lack a feature that the model needs.
    """
    if described is None:
        return inputs
    features = {name: feature for name, feature in described.features.items() if feature.role != "weight"}
    missing = [name for name in inputs.features if name not in features]
    if missing:
        raise CommandError(
            f"the model in {model} reads {', '.join(inputs.features)}, but among the features that were given there is "
            f"no {missing[0]!r}"
        )
    return described.model_copy(update={"features": features, "min_length": 0})


def _check_fields(spec: SequenceSpec, answer_names: Sequence[str]) -> None:
    """Checks that no two fields of a written record have the same name.

    Raises:
      CommandError: if a feature is called like a true label, such as `upos_true`.
    """
    from tfx_sequence.pipeline.prediction.answers import name_fields

    names = [*name_fields(spec, answer_names).values(), *answer_names]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise CommandError(f"two fields would be called {repeated[0]!r}; choose another name for that feature")


def _convert_with_labels(
    dataset: Dataset, spec: SequenceSpec, arguments: argparse.Namespace, folder: str
) -> tuple[SequenceSpec, ReadCounts, dict[str, list[str]]]:
    """Writes the data to TFRecord files with its true labels, or without them if a record would be rejected for that.

    New data does not need to have labels. If only some of the records have them, none is written.

    Returns:
      The features that were read, the counts of records, and split name to files.
    """
    features = {name: feature for name, feature in spec.features.items() if feature.role != "label"}
    unlabelled = spec.model_copy(update={"features": features})
    labelled = None
    if unlabelled != spec:
        try:
            labelled = (spec, *_convert_in_order(dataset, spec, arguments, os.path.join(folder, "labelled")))
        except Exception:
            # A reader may fail in any way if there are no labels. Another error is raised again below.
            traceback.print_exc()
        if labelled and not labelled[1].rejected:
            return labelled
    counts, splits = _convert_in_order(dataset, unlabelled, arguments, os.path.join(folder, "unlabelled"))
    if labelled and labelled[1].accepted == counts.accepted:
        return labelled
    return unlabelled, counts, splits


def _convert_in_order(
    dataset: Dataset, spec: SequenceSpec, arguments: argparse.Namespace, folder: str
) -> tuple[ReadCounts, dict[str, list[str]]]:
    """Writes the data to TFRecord files, in the order of reading.

    Returns:
      The counts of records, and split name to files.
    """
    from tfx_sequence.components.sequence_example_gen.config import WriteConfig
    from tfx_sequence.components.sequence_example_gen.conversion import convert
    from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
    from tfx_sequence.pipeline.datasets.dataset import build_setting
    from tfx_sequence.pipeline.datasets.dataset_records import find_features, reject_all_bad_records

    # This raises an error if the reader cannot read these features.
    find_features(dataclasses.replace(dataset, spec=spec))
    # The pieces of a record can be joined only if they are in one file. Shards would put them into several files.
    if dataset.read.on_long == "split" and arguments.shards > 1:
        raise CommandError("--shards goes with whole records only, but the config cuts long ones (on_long = 'split')")
    data_folder = os.path.join(folder, "data")
    counts = convert(
        dataset.splits,
        data_folder,
        spec=spec,
        read=reject_all_bad_records(dataset.read),
        # The files are read once and then deleted, so their size does not matter. The fastest compression is used.
        write=build_setting(
            WriteConfig, "--shards", {"num_shards": arguments.shards, "shuffle": False, "compression_level": 1}
        ),
    )
    return counts, find_splits(data_folder)
