"""Checks the records of all splits in a Beam pipeline, which reads files and writes the findings of each split.

::

    files -> check records -+-> findings ----------------------+-> sum for each split -> one JSON file per split
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
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, KeyPlace
from tfx_sequence.schemas.records.rejects import BadRecordError

_KEYS, _FINDINGS = "keys", "findings"

# Keys are divided into this number of parts, and Beam groups the parts and not the single keys, because an element of
# Beam needs much more memory than a key. A process holds one part in memory at a time, so there must be several parts.
# There are no more than 64 elements per file.
_NUM_PARTS = 64


class ExampleFile(NamedTuple):
    """A file of SequenceExamples.

    Attributes:
      split: The name of the split to which the records belong.
      path: The path of the TFRecord file.
    """

    split: str
    path: str


def check_files(
    files: list[ExampleFile],
    schema: Schema,
    findings_paths: Mapping[str, str],
    make_pipeline: Callable[[], AbstractContextManager[Any]],
) -> dict[str, FindingCounts]:
    """Checks each record, and checks that no two records have the same key.

    Args:
      files: The files of all splits.
      schema: The schema that the records must match.
      findings_paths: A dict of split name to the path of the JSON file for the findings of the split.
      make_pipeline: A function that makes the Beam pipeline.

    Returns:
      A dict of split name to the findings in the split.
    """
    key_features = RecordChecker(schema).key_features
    with make_pipeline() as pipeline:
        results = (
            pipeline
            | "Files" >> beam.Create(files)
            | "SpreadFiles" >> beam.Reshuffle()
            | "CheckRecords" >> beam.ParDo(_CheckFile(schema.SerializeToString())).with_outputs(_KEYS, main=_FINDINGS)
        )
        findings_of_repeated_keys = (
            results[_KEYS]
            | "GatherKeys" >> beam.GroupByKey()
            | "RepeatedKeys" >> beam.FlatMap(_find_repeated_keys, key_features[0] if key_features else "")
        )
        _ = (
            (results[_FINDINGS], findings_of_repeated_keys)
            | beam.Flatten()
            | "AddUp" >> beam.CombinePerKey(FindingCounts.sum)
            | "Write" >> beam.Map(_write_findings, findings_paths)
        )
    return {split: _read_findings(path) for split, path in findings_paths.items()}


class _CheckFile(beam.DoFn):
    """Checks one file. Yields the split with the findings, and yields the keys of each part with the tag `_KEYS`."""

    def __init__(self, schema: bytes) -> None:
        # Beam sends this object to workers. It must not hold a RecordChecker, which cannot be pickled.
        self._schema = schema

    def setup(self) -> None:
        self._checker = RecordChecker(Schema.FromString(self._schema))

    def process(self, file: ExampleFile) -> Iterator[Any]:
        findings: list[FindingCounts] = []
        keys_by_part: dict[int, list[tuple[str, int]]] = {}
        position = 0
        try:
            for records in read_batches(file.path):
                result = self._checker.check(records, file.path, position)
                position += len(records)
                findings.append(result.findings)
                for key, record in result.keys:
                    keys_by_part.setdefault(_choose_part(key), []).append((key, record))
        except BadRecordError as error:
            # The rest of the file cannot be read. It counts as one finding.
            findings.append(FindingCounts.for_reason(error.reject.reason, "", 1, (error.reject,)))
        yield file.split, FindingCounts.sum(findings)
        for part, keys in keys_by_part.items():
            yield beam.pvalue.TaggedOutput(_KEYS, (part, _FileKeys(file, keys)))


def _choose_part(key: str) -> int:
    # Unlike `hash`, a checksum is the same in every process.
    return zlib.crc32(key.encode()) % _NUM_PARTS


class _FileKeys(NamedTuple):
    """The keys of one part in a file, as pairs of key and position of the record."""

    file: ExampleFile
    keys: list[tuple[str, int]]


def _find_repeated_keys(element: tuple[int, Iterable[_FileKeys]], feature: str) -> Iterator[tuple[str, FindingCounts]]:
    """Yields pairs of a split and the findings for keys of one part that occur more than once."""
    _, keys_of_files = element
    index = KeyIndex()
    for file, keys in keys_of_files:
        for key, record in keys:
            index.add(key, KeyPlace(file.split, file.path, record))
    return index.find_repeated(feature)


def _write_findings(element: tuple[str, FindingCounts], findings_paths: Mapping[str, str]) -> None:
    """Writes the findings of a split to its JSON file."""
    split, findings = element
    with fileio.open(findings_paths[split], "w") as file:
        file.write(findings.model_dump_json(indent=2))


def _read_findings(path: str) -> FindingCounts:
    # For a split without files the pipeline writes no file.
    if not fileio.exists(path):
        return FindingCounts()
    with fileio.open(path) as file:
        return FindingCounts.model_validate_json(file.read())
