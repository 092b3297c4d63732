"""The record checks as a Beam pipeline: files of SequenceExamples in, one tally a split out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.findings import Tally
from tfx_sequence.schemas.record_checker import RecordChecker
from tfx_sequence.schemas.records import BadRecordError
from tfx_sequence.schemas.uniqueness import Use, Uses

_KEYS = "keys"


class ExampleFile(NamedTuple):
    """A file of SequenceExamples.

    Attributes:
      split: The split that its records are of.
      path: The TFRecord file.
    """

    split: str
    path: str


def check_files(
    files: list[ExampleFile],
    schema: schema_pb2.Schema,
    outputs: Mapping[str, str],
    make_pipeline: Callable[[], AbstractContextManager[Any]],
) -> dict[str, Tally]:
    """Checks every record, and that no two have one key.

    Args:
      files: Of all splits.
      schema: What the records should be.
      outputs: Split name to the JSON file that its tally is written to, one for each split of `files`.
      make_pipeline: Makes the Beam pipeline to run.

    Returns:
      Split name to what was found in it.
    """
    features = RecordChecker(schema).key_features
    with make_pipeline() as pipeline:
        checked = (
            pipeline
            | "Files" >> beam.Create(files)
            | "SpreadFiles" >> beam.Reshuffle()
            | "CheckRecords" >> beam.ParDo(_CheckFile(schema.SerializeToString())).with_outputs(_KEYS, main="tallies")
        )
        repeated = (
            checked[_KEYS]
            | "GatherKeys" >> beam.CombinePerKey(Uses.sum)
            | "RepeatedKeys" >> beam.FlatMap(_repeated, features[0] if features else "")
        )
        _ = (
            (checked["tallies"], repeated)
            | beam.Flatten()
            | "AddUp" >> beam.CombinePerKey(Tally.sum)
            | "Write" >> beam.Map(_write, outputs)
        )
    return {split: _read(path) for split, path in outputs.items()}


class _CheckFile(beam.DoFn):
    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        self._checker = RecordChecker(schema_pb2.Schema.FromString(self._schema))

    def process(self, file: ExampleFile) -> Iterator[Any]:
        position = 0
        try:
            for records in read_batches(file.path):
                checked = self._checker.check(records, file.path, position)
                position += len(records)
                yield file.split, checked.tally
                for key, record in checked.keys:
                    yield beam.pvalue.TaggedOutput(_KEYS, (key, Uses.of(Use(file.split, file.path, record))))
        except BadRecordError as error:
            yield file.split, Tally.of(error.reject.reason, "", 1, (error.reject,))


def _repeated(used: tuple[str, Uses], feature: str) -> Iterator[tuple[str, Tally]]:
    key, uses = used
    return uses.tallies(key, feature)


def _write(found: tuple[str, Tally], outputs: Mapping[str, str]) -> None:
    split, tally = found
    with fileio.open(outputs[split], "w") as file:
        file.write(tally.model_dump_json(indent=2))


def _read(path: str) -> Tally:
    if not fileio.exists(path):
        return Tally()
    with fileio.open(path) as file:
        return Tally.model_validate_json(file.read())
