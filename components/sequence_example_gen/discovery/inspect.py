"""Summarizes TFRecord files of SequenceExamples: counts, features, lengths, and the first records readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.source import Source, find_files
from tfx_sequence.components.sequence_example_gen.readers.sequence_example import list_values, to_python
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.spec import Frozen

if TYPE_CHECKING:
    import tensorflow as tf

_DTYPES = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


class FeatureSummary(Frozen):
    """One feature over all records.

    Attributes:
      name: Its name.
      context: Whether it is a context feature.
      dtypes: The types that its values have, sorted: `string`, `int64`, `float32`; more than one is a fault.
      records: How many records have it.
      values: How many values it has.
      shortest: The fewest values in one Feature: of a step, or of the context.
      longest: The most.
    """

    name: str
    context: bool
    dtypes: tuple[str, ...]
    records: int
    values: int
    shortest: int
    longest: int


class Inspection(Frozen):
    """The content of files.

    Attributes:
      files: The files.
      records: How many records could be read.
      features: A summary of each feature, context first, then by name.
      lengths: Number of steps to number of records; a record has the length of its longest sequence feature.
      unequal: How many records have sequence features of different lengths.
      first: The first records, by feature name.
      damage: The records that could not be read.
    """

    files: tuple[str, ...]
    records: int
    features: tuple[FeatureSummary, ...]
    lengths: dict[int, int]
    unequal: int
    first: tuple[dict[str, Any], ...]
    damage: tuple[Reject, ...]

    @property
    def steps(self) -> int:
        """The number of steps of all records."""
        return sum(length * count for length, count in self.lengths.items())

    def histogram(self, bins: int = 10) -> list[tuple[int, int, int]]:
        """Returns the lengths in at most `bins` ranges of equal width: `(from, to, records)`, both ends included."""
        if not self.lengths:
            return []
        low, high = min(self.lengths), max(self.lengths)
        width = -(-(high - low + 1) // bins)  # Division that rounds up.
        ranges = []
        for start in range(low, high + 1, width):
            end = min(start + width - 1, high)
            records = sum(count for length, count in self.lengths.items() if start <= length <= end)
            ranges.append((start, end, records))
        return ranges


def inspect(path: str, first: int = 3) -> Inspection:
    """Reads TFRecord files, plain or compressed, and summarizes them.

    Args:
      path: A file, a glob, a folder of files, or an Examples artifact's folder with `Split-*` folders in it.
      first: How many records to keep.

    Raises:
      NoInputError: if there is no such file.
      BrokenFileError: if a compressed file is cut off.
    """
    files = (
        file_system.match(file_system.join(path, "*"))
        or file_system.match(file_system.join(path, f"{SPLIT_PREFIX}*", "*"))
        or find_files(path)
    )
    collectors: dict[tuple[bool, str], _FeatureCollector] = {}
    lengths = Counter[int]()
    unequal = 0
    first_records: list[dict[str, Any]] = []
    damage: list[Reject] = []
    for record in _read_records(files):
        if isinstance(record, Reject):
            damage.append(record)
            continue
        sizes = {len(steps.feature) for steps in record.feature_lists.feature_list.values()}
        lengths[max(sizes, default=0)] += 1
        unequal += len(sizes) > 1
        for context, name, features in _list_features(record):
            collectors.setdefault((context, name), _FeatureCollector()).add(features)
        if len(first_records) < first:
            first_records.append(to_python(record))
    # Context first: False, of "is not context", sorts before True.
    ordered = sorted(collectors, key=lambda key: (not key[0], key[1]))
    return Inspection(
        files=tuple(files),
        records=sum(lengths.values()),
        features=tuple(collectors[context, name].summarize(name, context) for context, name in ordered),
        lengths=dict(sorted(lengths.items())),
        unequal=unequal,
        first=tuple(first_records),
        damage=tuple(damage),
    )


class _FeatureCollector:
    """Collects a FeatureSummary, record by record."""

    def __init__(self) -> None:
        self._dtypes: set[str] = set()
        self._records = 0
        self._sizes: Counter[int] = Counter()

    def add(self, features: list[tf.train.Feature]) -> None:
        self._records += 1
        for feature in features:
            self._sizes[len(list_values(feature))] += 1
            if kind := feature.WhichOneof("kind"):
                self._dtypes.add(_DTYPES[kind])

    def summarize(self, name: str, context: bool) -> FeatureSummary:
        return FeatureSummary(
            name=name,
            context=context,
            dtypes=tuple(sorted(self._dtypes)),
            records=self._records,
            values=sum(size * count for size, count in self._sizes.items()),
            shortest=min(self._sizes, default=0),
            longest=max(self._sizes, default=0),
        )


def _read_records(files: list[str]) -> Iterator[tf.train.SequenceExample | Reject]:
    for path in files:
        with Source(path).open() as stream:
            for number, record in enumerate(read_tfrecords(stream)):
                if isinstance(record, Reject):
                    yield record.at(file=path, record=number)
                    continue
                try:
                    yield parse_example(record)
                except BadRecordError as error:
                    yield error.reject.at(file=path, record=number)


def _list_features(record: tf.train.SequenceExample) -> Iterator[tuple[bool, str, list[tf.train.Feature]]]:
    """Yields whether a feature is of the context, its name, and a Feature a step, or the one of the context."""
    for name, feature in record.context.feature.items():
        yield True, name, [feature]
    for name, steps in record.feature_lists.feature_list.items():
        yield False, name, list(steps.feature)
