"""Writes a model's answers about the records of TFRecord files. Beam processes the files in parallel."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.output_folder import write_folder
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.pipeline.prediction.answers import ANSWER_FORMATS, AnsweredRecord, merge_answer
from tfx_sequence.pipeline.prediction.piece_joiner import PieceJoiner
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import SequenceSpec

_NUM_READ_BATCHES = 8
"""The number of batches of a file that are read before the model answers. They hold some thousand records, so that most
records find others of similar length and little is padded."""


class _FilePair(NamedTuple):
    """The path of a file of records, and the path of the file for the answers about these records."""

    records: str
    answers: str


def predict_files(
    model: str,
    splits: Mapping[str, Sequence[str]],
    spec: SequenceSpec,
    output: str,
    answer_format: str,
    make_pipeline: Callable[[], AbstractContextManager[Any]],
) -> list[str]:
    """Writes the model's answers about every record, in the order of the records.

    Args:
      model: The path of a SavedModel or of a serving folder.
      splits: Split name to TFRecord files of SequenceExamples that have the features of the spec.
      spec: The features of the records: the model's inputs, and other features to write beside the answers.
      output: The folder to write to, which must be missing or hold nothing at all. It is seen when all files are
        complete, and stays as it was if anything fails. For each input file it gets one file
        `<split>-00000-of-00001.<suffix>`.
      answer_format: A name in `ANSWER_FORMATS`.
      make_pipeline: A function that makes the Beam pipeline.

    Returns:
      The paths of the files that were written, in the order of the input files.

    Raises:
      OutputExistsError: if the output folder is not empty.
    """
    with write_folder(output) as folder:
        pairs = _pair_files(splits, folder, ANSWER_FORMATS[answer_format].suffix)
        with make_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(pairs)
                | "Spread" >> beam.Reshuffle()
                | "Predict" >> beam.ParDo(_PredictFile(model, spec, answer_format))
            )
    # The folder has its final name now.
    return [file_system.join(output, pair.answers.rpartition("/")[2]) for pair in pairs]


def _pair_files(splits: Mapping[str, Sequence[str]], folder: str, suffix: str) -> list[_FilePair]:
    """Pairs each file of records with the path of the file for its answers."""
    pairs = []
    for split, paths in splits.items():
        for index, path in enumerate(paths):
            name = f"{split}-{index:05d}-of-{len(paths):05d}.{suffix}"
            pairs.append(_FilePair(path, file_system.join(folder, name)))
    return pairs


class _PredictFile(beam.DoFn):
    """Writes the file of answers for each pair of files. It returns no elements."""

    def __init__(self, model: str, spec: SequenceSpec, answer_format: str) -> None:
        self._path = model
        self._spec = spec
        self._answer_format = answer_format

    def setup(self) -> None:
        # Imported here because TensorFlow takes seconds to load, and only the workers that predict need it.
        from tfx_sequence.pipeline.prediction.record_model import RecordModel

        self._model = RecordModel(self._path)

    def process(self, pair: _FilePair) -> None:
        # The file gets its final name only when it is complete, so that nobody reads half a file.
        unfinished = f"{pair.answers}.unfinished"
        format_record = ANSWER_FORMATS[self._answer_format].format_record
        records = PieceJoiner(self._spec).join(self._answer_records(pair.records))
        with file_system.create_file(unfinished) as stream:
            for record in records:
                stream.write(format_record(record))
        file_system.rename(unfinished, pair.answers)

    def _answer_records(self, path: str) -> Iterator[AnsweredRecord]:
        """Yields each record of a file with the model's answers."""
        for records in _read_record_lists(path):
            decoded = [decode(self._spec, record) for record in records]
            # All sequence features of a record have the same number of steps.
            first_sequence = next(iter(self._spec.sequence))
            lengths = [len(values[first_sequence]) for values in decoded]
            answers = self._model.answer(records, lengths)
            for values, answer in zip(decoded, answers, strict=True):
                yield merge_answer(self._spec, values, answer)


def _read_record_lists(path: str) -> Iterator[list[bytes]]:
    """Yields lists of serialized records, each from `_NUM_READ_BATCHES` batches of the file."""
    batches = read_batches(path)
    while records := list(itertools.chain.from_iterable(itertools.islice(batches, _NUM_READ_BATCHES))):
        yield records
