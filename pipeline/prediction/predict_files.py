"""Writes a model's answers for files of records with Beam: file by file, each in its own order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.pipeline.prediction.answers import ANSWER_FORMATS, AnsweredRecord, PieceJoiner
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import SequenceSpec

_READ_BATCHES = 8
"""Batches of a file that are answered together, some thousand records: enough to find others of like length."""


class _FilePair(NamedTuple):
    """A file of records, and the file of the answers about them."""

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
    """Writes the model's answers for every record.

    Args:
      model: A SavedModel, or a serving folder.
      splits: Split name to TFRecord files of SequenceExamples that keep the spec, in order.
      spec: The features of the records: the model's inputs, and whatever else is to come out beside the answers.
      output: The folder to write to; `<split>-00000-of-00001.<suffix>` for each file.
      answer_format: One of `ANSWER_FORMATS`.
      make_pipeline: Makes the Beam pipeline.

    Returns:
      The files that were written, in the order of those that were read.
    """
    suffix = ANSWER_FORMATS[answer_format].suffix
    pairs = []
    for split, paths in splits.items():
        for index, path in enumerate(paths):
            name = f"{split}-{index:05d}-of-{len(paths):05d}.{suffix}"
            pairs.append(_FilePair(path, file_system.join(output, name)))
    file_system.make_folder(output)
    with make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Files" >> beam.Create(pairs)
            | "Spread" >> beam.Reshuffle()
            | "Predict" >> beam.ParDo(_PredictFile(model, spec, answer_format))
        )
    return [pair.answers for pair in pairs]


class _PredictFile(beam.DoFn):
    """Writes the answers for each pair of files that it gets; its output collection is empty."""

    def __init__(self, model: str, spec: SequenceSpec, answer_format: str) -> None:
        self._path = model
        self._spec = spec
        self._answer_format = answer_format

    def setup(self) -> None:
        # Imported late, for a worker that only reads files needs no TensorFlow.
        from tfx_sequence.pipeline.prediction.record_model import RecordModel

        self._model = RecordModel(self._path)

    def process(self, pair: _FilePair) -> None:
        # A file that is not whole has another name.
        unfinished = f"{pair.answers}.unfinished"
        format_record = ANSWER_FORMATS[self._answer_format].format_record
        records = PieceJoiner(self._spec).join(self._answer_records(pair.records))
        with file_system.create_file(unfinished) as stream:
            for record in records:
                stream.write(format_record(record))
        file_system.rename(unfinished, pair.answers)

    def _answer_records(self, path: str) -> Iterator[AnsweredRecord]:
        sequence, context = tuple(self._spec.sequence), tuple(self._spec.context)
        batches = read_batches(path)
        while records := list(itertools.chain.from_iterable(itertools.islice(batches, _READ_BATCHES))):
            decoded = [decode(self._spec, record) for record in records]
            lengths = [len(values[sequence[0]]) for values in decoded]
            answers = self._model.answer(records, lengths)
            for values, answer in zip(decoded, answers, strict=True):
                record_context = {name: values[name] for name in context}
                record_context |= {name: answer[name] for name in self._model.per_record}
                steps = {name: values[name] for name in sequence}
                steps |= {name: answer[name] for name in self._model.per_step}
                yield AnsweredRecord(record_context, steps)
