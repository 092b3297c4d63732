"""Checks the records of all splits in a Beam pipeline: files of SequenceExamples in, findings by split out.

::

    files -> check records -+-> findings ----------------------+-> add up by split -> a JSON file for each split
                            +-> keys -> find repeated keys ----+
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tfx.dsl.io import fileio

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, Use
from tfx_sequence.schemas.records.rejects import BadRecordError

_KEYS, _FINDINGS = "keys", "findings"

# An element of Beam costs more than a key, so keys are grouped in parts and not each by itself. A process holds one
# part at a time: with 64 parts that is little memory, and no more than 64 elements for each file.
_PARTS = 64


class ExampleFile(NamedTuple):
    """A file of SequenceExamples.

    Attributes:
      split: The split of its records.
      path: The TFRecord file.
    """

    split: str
    path: str


def check_files(
    files: list[ExampleFile],
    schema: Schema,
    outputs: Mapping[str, str],
    make_pipeline: Callable[[], AbstractContextManager[Any]],
) -> dict[str, FindingCounts]:
    """Checks every record, and that no two records have the same key.

    Args:
      files: The files of all splits.
      schema: What the records should be.
      outputs: For each split of `files`, the JSON file that its findings are written to.
      make_pipeline: Makes the Beam pipeline to run.

    Returns:
      Split name to the findings in it.
    """
    key_features = RecordChecker(schema).key_features
    with make_pipeline() as pipeline:
        checked = (
            pipeline
            | "Files" >> beam.Create(files)
            | "SpreadFiles" >> beam.Reshuffle()
            | "CheckRecords" >> beam.ParDo(_CheckFile(schema.SerializeToString())).with_outputs(_KEYS, main=_FINDINGS)
        )
        repeated = (
            checked[_KEYS]
            | "GatherKeys" >> beam.GroupByKey()
            | "RepeatedKeys" >> beam.FlatMap(_find_repeated_keys, key_features[0] if key_features else "")
        )
        _ = (
            (checked[_FINDINGS], repeated)
            | beam.Flatten()
            | "AddUp" >> beam.CombinePerKey(FindingCounts.sum)
            | "Write" >> beam.Map(_write_findings, outputs)
        )
    return {split: _read_findings(path) for split, path in outputs.items()}


class _CheckFile(beam.DoFn):
    """Yields the findings in a file with its split, and its keys as the tagged output `_KEYS`, by part."""

    def __init__(self, schema: bytes) -> None:
        # Workers get the schema as bytes; a checker holds what cannot be pickled.
        self._schema = schema

    def setup(self) -> None:
        self._checker = RecordChecker(Schema.FromString(self._schema))

    def process(self, file: ExampleFile) -> Iterator[Any]:
        findings: list[FindingCounts] = []
        keys_by_part: dict[int, list[tuple[str, int]]] = {}
        position = 0
        try:
            for records in read_batches(file.path):
                checked = self._checker.check(records, file.path, position)
                position += len(records)
                findings.append(checked.findings)
                for key, record in checked.keys:
                    part = zlib.crc32(key.encode()) % _PARTS
                    keys_by_part.setdefault(part, []).append((key, record))
        except BadRecordError as error:
            findings.append(FindingCounts.for_reason(error.reject.reason, "", 1, (error.reject,)))
        yield file.split, FindingCounts.sum(findings)
        for part, keys in keys_by_part.items():
            yield beam.pvalue.TaggedOutput(_KEYS, (part, _FileKeys(file, keys)))


class _FileKeys(NamedTuple):
    """Keys of a file, with the positions of their records."""

    file: ExampleFile
    keys: list[tuple[str, int]]


def _find_repeated_keys(part: tuple[int, Iterable[_FileKeys]], feature: str) -> Iterator[tuple[str, FindingCounts]]:
    _, files = part
    index = KeyIndex()
    for file, keys in files:
        for key, record in keys:
            index.add(key, Use(file.split, file.path, record))
    return index.find_repeated(feature)


def _write_findings(findings_of_split: tuple[str, FindingCounts], outputs: Mapping[str, str]) -> None:
    split, findings = findings_of_split
    with fileio.open(outputs[split], "w") as file:
        file.write(findings.model_dump_json(indent=2))


def _read_findings(path: str) -> FindingCounts:
    # A split without files has no findings to write.
    if not fileio.exists(path):
        return FindingCounts()
    with fileio.open(path) as file:
        return FindingCounts.model_validate_json(file.read())
