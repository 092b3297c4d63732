"""The record checks as a Beam pipeline: files of SequenceExamples in, one tally a split out."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, Use
from tfx_sequence.schemas.records.rejects import BadRecordError

_KEYS = "keys"

# Keys are gathered in so many parts, since an element of Beam costs more than a key: one process holds the keys of a
# part, a 64th of all.
_PARTS = 64


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
) -> dict[str, FindingCounts]:
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
            | "GatherKeys" >> beam.GroupByKey()
            | "RepeatedKeys" >> beam.FlatMap(_repeated, features[0] if features else "")
        )
        _ = (
            (checked["tallies"], repeated)
            | beam.Flatten()
            | "AddUp" >> beam.CombinePerKey(FindingCounts.sum)
            | "Write" >> beam.Map(_write, outputs)
        )
    return {split: _read(path) for split, path in outputs.items()}


class _CheckFile(beam.DoFn):
    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        self._checker = RecordChecker(schema_pb2.Schema.FromString(self._schema))

    def process(self, file: ExampleFile) -> Iterator[Any]:
        tallies: list[FindingCounts] = []
        keys: dict[int, list[tuple[str, int]]] = {}
        position = 0
        try:
            for records in read_batches(file.path):
                checked = self._checker.check(records, file.path, position)
                position += len(records)
                tallies.append(checked.findings)
                for key, record in checked.keys:
                    keys.setdefault(zlib.crc32(key.encode()) % _PARTS, []).append((key, record))
        except BadRecordError as error:
            tallies.append(FindingCounts.for_reason(error.reject.reason, "", 1, (error.reject,)))
        yield file.split, FindingCounts.sum(tallies)
        for part, found in keys.items():
            yield beam.pvalue.TaggedOutput(_KEYS, (part, _FileKeys(file, found)))


class _FileKeys(NamedTuple):
    """Keys of a file, with the positions of their records."""

    file: ExampleFile
    keys: list[tuple[str, int]]


def _repeated(part: tuple[int, Iterable[_FileKeys]], feature: str) -> Iterator[tuple[str, FindingCounts]]:
    index = KeyIndex()
    for file, keys in part[1]:
        for key, record in keys:
            index.add(key, Use(file.split, file.path, record))
    return index.find_repeated(feature)


def _write(found: tuple[str, FindingCounts], outputs: Mapping[str, str]) -> None:
    split, tally = found
    with fileio.open(outputs[split], "w") as file:
        file.write(tally.model_dump_json(indent=2))


def _read(path: str) -> FindingCounts:
    if not fileio.exists(path):
        return FindingCounts()
    with fileio.open(path) as file:
        return FindingCounts.model_validate_json(file.read())
