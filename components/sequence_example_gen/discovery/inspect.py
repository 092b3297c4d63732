"""Summarizes TFRecord files of SequenceExamples: number of records, features, lengths, and the first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tfx_sequence.components.file_patterns import match_files
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.source import Source, find_files
from tfx_sequence.components.sequence_example_gen.readers.sequence_example import list_values, to_python
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.records.damage import DamagedFile, DamagedFileError
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.records.shards import check_files
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.spec import Frozen

if TYPE_CHECKING:
    import tensorflow as tf

_DTYPES = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


class FeatureSummary(Frozen):
    """The summary of one feature over all records.

    Attributes:
      name: The name of the feature.
      context: Whether it is a context feature.
      dtypes: The types of its values, sorted: `string`, `int64`, `float32`. More than one type is an error in the data.
      records: The number of records with this feature.
      values: The number of values in all records.
      shortest: The minimum number of values in a step, or in a context feature.
      longest: The maximum number of values in a step, or in a context feature.
    """

    name: str
    context: bool
    dtypes: tuple[str, ...]
    records: int
    values: int
    shortest: int
    longest: int


class Inspection(Frozen):
    """The summary of the content of files.

    Attributes:
      files: The paths of the files.
      records: The number of records that could be read.
      features: The summary of each feature. Context features are first, and both groups are sorted by name.
      lengths: The number of records by length, sorted by length. The length of a record is the number of steps of its
        longest sequence feature.
      unequal: The number of records whose sequence features have different lengths.
      first: The first records, as dicts of feature name to value.
      damage: A reject for each record that could not be read, and the damage of each file that could not be read to its
        end.
    """

    files: tuple[str, ...]
    records: int
    features: tuple[FeatureSummary, ...]
    lengths: dict[int, int]
    unequal: int
    first: tuple[dict[str, Any], ...]
    damage: tuple[Reject | DamagedFile, ...]

    @property
    def steps(self) -> int:
        """The total number of steps of all records."""
        return sum(length * count for length, count in self.lengths.items())

    def histogram(self, bins: int = 10) -> list[tuple[int, int, int]]:
        """Divides the lengths into no more than `bins` ranges of equal width.

        Returns:
          The minimum length, the maximum length and the number of records of each range.
        """
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
      first: The number of records from the start to include in the result.

    Raises:
      NoInputError: if there is no such file.
      FileAccessError: if the file system does not open or read a file.
    """
    files = _find_record_files(path)
    collector = _RecordCollector(max_first_records=first)
    damage: list[Reject | DamagedFile] = []
    for record in _read_records(files):
        if isinstance(record, (Reject, DamagedFile)):
            damage.append(record)
        else:
            collector.add(record)
    return collector.summarize(files, damage)


def _find_record_files(path: str) -> list[str]:
    """Finds the files in a folder, in the split folders of a folder, or that match a pattern, in this order.

    Raises:
      NoInputError: if there is no such file.
      IncompleteDataError: if some of the files are missing.
    """
    files = [file.path for file in match_files(path, "*") or match_files(path, f"{SPLIT_PREFIX}*/*")]
    check_files(files, file_system.exists)
    return files or find_files(path)


class _FeatureKey(NamedTuple):
    """The name of a feature, and whether it is a context feature. A record may have two features of one name."""

    name: str
    is_context: bool


class _RecordCollector:
    """Collects what an Inspection contains, record by record."""

    def __init__(self, max_first_records: int) -> None:
        self._max_first_records = max_first_records
        self._first_records: list[dict[str, Any]] = []
        self._lengths = Counter[int]()
        self._num_unequal = 0
        self._features: dict[_FeatureKey, _FeatureCollector] = {}

    def add(self, record: tf.train.SequenceExample) -> None:
        lengths = {len(steps.feature) for steps in record.feature_lists.feature_list.values()}
        self._lengths[max(lengths, default=0)] += 1
        if len(lengths) > 1:
            self._num_unequal += 1
        for key, features in _list_features(record):
            self._features.setdefault(key, _FeatureCollector()).add(features)
        if len(self._first_records) < self._max_first_records:
            self._first_records.append(to_python(record))

    def summarize(self, files: Sequence[str], damage: Sequence[Reject | DamagedFile]) -> Inspection:
        context_keys = sorted(key for key in self._features if key.is_context)
        sequence_keys = sorted(key for key in self._features if not key.is_context)
        return Inspection(
            files=tuple(files),
            records=sum(self._lengths.values()),
            features=tuple(self._features[key].summarize(key) for key in (*context_keys, *sequence_keys)),
            lengths=dict(sorted(self._lengths.items())),
            unequal=self._num_unequal,
            first=tuple(self._first_records),
            damage=tuple(damage),
        )


class _FeatureCollector:
    """Collects what a FeatureSummary contains, record by record."""

    def __init__(self) -> None:
        self._dtypes: set[str] = set()
        self._num_records = 0
        self._num_steps_by_width = Counter[int]()  # The width of a step is its number of values.

    def add(self, features: list[tf.train.Feature]) -> None:
        self._num_records += 1
        for feature in features:
            self._num_steps_by_width[len(list_values(feature))] += 1
            if kind := feature.WhichOneof("kind"):
                self._dtypes.add(_DTYPES[kind])

    def summarize(self, key: _FeatureKey) -> FeatureSummary:
        return FeatureSummary(
            name=key.name,
            context=key.is_context,
            dtypes=tuple(sorted(self._dtypes)),
            records=self._num_records,
            values=sum(width * num_steps for width, num_steps in self._num_steps_by_width.items()),
            shortest=min(self._num_steps_by_width, default=0),
            longest=max(self._num_steps_by_width, default=0),
        )


def _read_records(files: Sequence[str]) -> Iterator[tf.train.SequenceExample | Reject | DamagedFile]:
    """Yields each record of the files, or a reject for a record that cannot be read, and any damage after a file."""
    for path in files:
        number = 0
        try:
            with Source(path).open() as stream:
                for record in read_tfrecords(stream):
                    example = _parse_record(record)
                    yield example.at(file=path, record=number) if isinstance(example, Reject) else example
                    number += 1
        except DamagedFileError as error:
            yield error.describe(path, number)


def _parse_record(record: bytes | Reject) -> tf.train.SequenceExample | Reject:
    """Parses a record. Returns a reject if the record is one already, or if it cannot be parsed."""
    if isinstance(record, Reject):
        return record
    try:
        return parse_example(record)
    except BadRecordError as error:
        return error.reject


def _list_features(record: tf.train.SequenceExample) -> Iterator[tuple[_FeatureKey, list[tf.train.Feature]]]:
    """Yields the Features of each feature: one per step of a sequence feature, and one of a context feature."""
    for name, feature in record.context.feature.items():
        yield _FeatureKey(name, is_context=True), [feature]
    for name, steps in record.feature_lists.feature_list.items():
        yield _FeatureKey(name, is_context=False), list(steps.feature)
