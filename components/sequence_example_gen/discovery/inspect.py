"""What TFRecord files of SequenceExamples hold: counts, features, lengths, and the first records readable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.source import Source, find_files
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.spec import Frozen

if TYPE_CHECKING:
    import tensorflow as tf

_TYPES = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


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
    """What the files hold.

    Attributes:
      files: The files.
      records: How many records could be read.
      features: A summary of each feature, context first, then by name.
      lengths: Number of steps to number of records; a record has the length of its longest sequence feature.
      unequal: How many records have sequence features of different lengths.
      first: The first records, by feature name.
      damage: What could not be read.
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
        """The lengths in at most `bins` ranges of equal width: `(from, to, records)`, both ends included."""
        if not self.lengths:
            return []
        low, high = min(self.lengths), max(self.lengths)
        width = -(-(high - low + 1) // bins)
        ranges = [(start, min(start + width - 1, high)) for start in range(low, high + 1, width)]
        return [(a, b, sum(n for length, n in self.lengths.items() if a <= length <= b)) for a, b in ranges]


def inspect(path: str, first: int = 3) -> Inspection:
    """Reads TFRecord files, plain or compressed.

    Args:
      path: A file, a glob, a folder of files, or an Examples artifact's folder with `Split-*` folders in it.
      first: How many records to keep.

    Raises:
      NoInputError: if there is no such file.
      BrokenFileError: if a compressed file is cut off.
    """
    inside = storage.match(storage.join(path, "*")) or storage.match(storage.join(path, f"{SPLIT_PREFIX}*", "*"))
    files = inside or find_files(path)
    summaries: dict[tuple[bool, str], _Summary] = {}
    lengths, unequal = Counter[int](), 0
    records: list[dict[str, Any]] = []
    damage: list[Reject] = []
    for record in _records(files):
        if isinstance(record, Reject):
            damage.append(record)
            continue
        sizes = {len(steps.feature) for steps in record.feature_lists.feature_list.values()}
        lengths[max(sizes, default=0)] += 1
        unequal += len(sizes) > 1
        for (context, name), features in _features(record):
            summaries.setdefault((context, name), _Summary()).add(features)
        if len(records) < first:
            records.append(readable(record))
    return Inspection(
        files=tuple(files),
        records=sum(lengths.values()),
        features=tuple(
            summaries[key].result(name=key[1], context=key[0])
            for key in sorted(summaries, key=lambda k: (not k[0], k[1]))
        ),
        lengths=dict(sorted(lengths.items())),
        unequal=unequal,
        first=tuple(records),
        damage=tuple(damage),
    )


class _Summary:
    """Collects a FeatureSummary."""

    def __init__(self) -> None:
        self._dtypes: set[str] = set()
        self._records = 0
        self._sizes: Counter[int] = Counter()

    def add(self, features: list[tf.train.Feature]) -> None:
        self._records += 1
        for feature in features:
            values = _values(feature)
            self._sizes[len(values)] += 1
            if kind := feature.WhichOneof("kind"):
                self._dtypes.add(_TYPES[kind])

    def result(self, name: str, context: bool) -> FeatureSummary:
        return FeatureSummary(
            name=name,
            context=context,
            dtypes=tuple(sorted(self._dtypes)),
            records=self._records,
            values=sum(size * count for size, count in self._sizes.items()),
            shortest=min(self._sizes, default=0),
            longest=max(self._sizes, default=0),
        )


def _records(files: list[str]) -> Iterator[tf.train.SequenceExample | Reject]:
    for path in files:
        with Source(path).open() as stream:
            for number, record in enumerate(read_tfrecords(stream)):
                try:
                    yield record.at(file=path, record=number) if isinstance(record, Reject) else parse_example(record)
                except BadRecordError as error:
                    yield error.reject.at(file=path, record=number)


def _features(record: tf.train.SequenceExample) -> Iterator[tuple[tuple[bool, str], list[tf.train.Feature]]]:
    for name, feature in sorted(record.context.feature.items()):
        yield (True, name), [feature]
    for name, steps in sorted(record.feature_lists.feature_list.items()):
        yield (False, name), list(steps.feature)


def _values(feature: tf.train.Feature) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def readable(record: tf.train.SequenceExample) -> dict[str, Any]:
    """Feature name to value, or to a list of one value a step, with text as text; several values stand in a list."""
    return {name: _one_or_all(context, features) for (context, name), features in _features(record)}


def _one_or_all(context: bool, features: list[tf.train.Feature]) -> Any:
    steps = [[v.decode(errors="backslashreplace") if isinstance(v, bytes) else v for v in _values(f)] for f in features]
    plain = [step[0] if len(step) == 1 else step for step in steps]
    return plain[0] if context else plain
