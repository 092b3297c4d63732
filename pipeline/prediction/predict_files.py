"""Answers for files of records, by Beam: file by file, each in its own order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.pipeline.prediction.answers import FORMS, Answered, Joiner
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import SequenceSpec

_BATCHES = 8
"""So many batches of the file are answered together, some thousand records: enough to find others of like length."""


class _File(NamedTuple):
    """What is read, and what is written of it."""

    records: str
    answers: str


def predict_files(
    model: str,
    splits: Mapping[str, Sequence[str]],
    spec: SequenceSpec,
    output: str,
    form: str,
    make_pipeline: Callable[[], AbstractContextManager[Any]],
) -> list[str]:
    """Writes the model's answers for every record.

    Args:
      model: A SavedModel, or a serving folder.
      splits: Split name to TFRecord files of SequenceExamples that keep the spec, in order.
      spec: What the records are: the model's inputs, and whatever else is to come out beside the answers.
      output: The folder to write to; `<split>-00000-of-00001.<form>` for each file.
      form: One of `FORMS`.
      make_pipeline: Makes the Beam pipeline.

    Returns:
      The files that were written, in the order of those that were read.
    """
    ending = FORMS[form].ending
    files = [
        _File(path, file_system.join(output, f"{split}-{number:05d}-of-{len(paths):05d}.{ending}"))
        for split, paths in splits.items()
        for number, path in enumerate(paths)
    ]
    file_system.make_folder(output)
    with make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Files" >> beam.Create(files)
            | "Spread" >> beam.Reshuffle()
            | "Predict" >> beam.ParDo(_PredictFile(model, spec, form))
        )
    return [file.answers for file in files]


class _PredictFile(beam.DoFn):
    """Takes files. Gives nothing: what it writes stands beside."""

    def __init__(self, model: str, spec: SequenceSpec, form: str) -> None:
        self._path = model
        self._spec = spec
        self._form = form

    def setup(self) -> None:
        from tfx_sequence.pipeline.prediction.record_model import FileModel

        self._model = FileModel(self._path)

    def process(self, file: _File) -> None:
        # A file that is not whole has another name.
        unfinished = f"{file.answers}.unfinished"
        answered = Joiner(self._spec).join(self._answered(file.records))
        with file_system.create_file(unfinished) as stream:
            for each in answered:
                stream.write(FORMS[self._form].write(each))
        file_system.rename(unfinished, file.answers)

    def _answered(self, path: str) -> Iterator[Answered]:
        batches = read_batches(path)
        while records := [record for batch in itertools.islice(batches, _BATCHES) for record in batch]:
            values = [decode(self._spec, record) for record in records]
            steps, context = tuple(self._spec.sequence), tuple(self._spec.context)
            lengths = [len(each[steps[0]]) for each in values]
            for each, answer in zip(values, self._model.answer(records, lengths), strict=True):
                yield Answered(
                    {name: each[name] for name in context} | {name: answer[name] for name in self._model.per_record},
                    {name: each[name] for name in steps} | {name: answer[name] for name in self._model.per_step},
                )
