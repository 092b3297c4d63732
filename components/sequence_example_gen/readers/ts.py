"""Reads time series from the `.ts` files of UEA and sktime.

The series of a file may have different lengths and several dimensions. Each series may have a class or a target value.

::

    @dimensions 2
    @classLabel true a b
    @data
    1,2,3:7,8,9:a      values [[1, 7], [2, 8], [3, 9]]    label a
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import SAMPLE_SIZE, Item, Reader, keep_records
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, abbreviate, bad_record
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

VALUES = "values"
"""The source of a vector feature that contains all dimensions. A float feature contains one dimension, and its source
is the number of the dimension."""

LABEL = "label"
"""The source of a context feature that contains the class label or the target value."""

_NUMBER = Feature(kind="float")

_MAX_SHOWN_LENGTHS = 20
"""The maximum number of lengths of dimensions in a message. Some data sets have over a thousand dimensions."""


_MAX_DIMENSION_DIGITS = 9
"""The maximum number of digits of the number of dimensions. A line of a billion dimensions would have gigabytes."""


class SeriesReader(Reader):
    """Reader of `.ts` files (https://www.aeon-toolkit.org/en/stable/examples/datasets/load_data_from_web.html).

    It has no options. Each line after `@data` is one record. Colons separate the dimensions, commas separate the values
    of a dimension, and the label is last. The cell `?` means a missing value and is read as NaN. The setting
    `not_finite` determines whether a record with NaN is rejected.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        Frozen.model_validate(dict(options))
        self._features = spec.features
        self._sources = {
            name: _check_source(name, spec.source(name), feature) for name, feature in spec.features.items()
        }

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per line of data."""
        lines = source.lines()
        header = _Header()
        for number, line in lines:
            if header.parse_line(number, line):
                break
        # The same iterator continues after the header. It has no more lines if the file has no data.
        for number, line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            try:
                yield number, self._make_record(line, header)
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=line)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields all dimensions as vectors, and the label if the file has labels."""
        values_alone = {VALUES: Feature(kind="vector", width=1)}
        values_and_label = {**values_alone, LABEL: Feature(kind="token", context=True)}
        items: list[Item] = []
        # If the file has no labels, all records are rejects. Then it is read a second time without the label.
        for features in (values_and_label, values_alone):
            reader = cls(SequenceSpec(features=features), options)
            items = _list_items(reader.read(source))
            if not all(isinstance(item, Reject) for item in items):
                break
        return keep_records(items)

    def _make_record(self, line: str, header: _Header) -> dict[str, Any]:
        parts = line.split(":")
        label = parts.pop().strip() if header.has_labels else None
        if header.num_dimensions is not None and len(parts) != header.num_dimensions:
            message = f"the line has {len(parts)} dimensions, expected {header.num_dimensions}, as `@dimensions` says"
            raise bad_record(Reason.MALFORMED, message)
        series = [_parse_numbers(part) for part in parts]
        lengths = [len(values) for values in series]
        if len(set(lengths)) > 1:
            message = f"the dimensions have {', '.join(map(str, lengths[:_MAX_SHOWN_LENGTHS]))} values"
            raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        return {
            name: _find_value(name, self._sources[name], feature, series, label)
            for name, feature in self._features.items()
        }


class _Header:
    """The facts about the data in the lines before it.

    Attributes:
      num_dimensions: The number of dimensions, or None if the header does not say it.
      has_labels: Whether each line of data ends with a label.
    """

    def __init__(self) -> None:
        self.num_dimensions: int | None = None
        self.has_labels = False

    def parse_line(self, number: int, line: str) -> bool:
        """Parses one line of the header. Returns whether the data begins at the next line.

        Raises:
          DamagedFileError: if the line is not part of a header, or if the series have time stamps.
        """
        if not line.strip() or line.startswith("#"):
            return False
        tag, *words = line.lower().split()
        if not tag.startswith("@"):
            raise DamagedFileError(f"there is data before `@data`: {abbreviate(line)}", line=number)
        if tag == "@timestamps" and words[:1] == ["true"]:
            message = "the series has time stamps, expected values only (`@timeStamps false`)"
            raise DamagedFileError(message, line=number)
        if tag == "@univariate" and words[:1] == ["true"]:
            self.num_dimensions = 1
        if tag == "@dimensions" and words and words[0].isdecimal():
            if len(words[0]) > _MAX_DIMENSION_DIGITS:
                message = f"`@dimensions` has {len(words[0])} digits, expected at most {_MAX_DIMENSION_DIGITS}"
                raise DamagedFileError(message, line=number)
            self.num_dimensions = int(words[0])
        if tag in ("@classlabel", "@targetlabel"):
            self.has_labels = words[:1] == ["true"]
        return tag == "@data"


def _list_items(items: Iterator[Item]) -> list[Item]:
    """Returns the first items, up to any damage of the file.

    Raises:
      DamagedFileError: if the file is damaged before its first item.
    """
    first_items: list[Item] = []
    try:
        for item in itertools.islice(items, SAMPLE_SIZE):
            first_items.append(item)
    except DamagedFileError:
        if not first_items:
            raise
    return first_items


def _check_source(name: str, source: str, feature: Feature) -> str:
    """Returns the source of a feature.

    Raises:
      ValueError: if a feature of this kind cannot be read from the source.
    """
    if feature.context:
        fits = source == LABEL and feature.kind != "vector"
    elif source == VALUES:
        fits = feature.kind == "vector"
    else:
        is_dimension = re.fullmatch("[0-9]+", source, re.ASCII) is not None
        fits = is_dimension and feature.kind == "float"
    if not fits:
        raise ValueError(
            f"`{name}` is of kind {feature.kind!r} from {source!r}, expected a 'vector' from 'values', a 'float' from "
            "the number of a dimension, or for a context feature 'label'; set `source`"
        )
    return source


def _parse_numbers(text: str) -> list[float]:
    cells = (cell.strip() for cell in text.split(","))
    return [parse_cell(VALUES, _NUMBER, "nan" if cell == "?" else cell) for cell in cells]


def _find_value(name: str, source: str, feature: Feature, series: list[list[float]], label: str | None) -> Any:
    """Returns the value of a feature in a record.

    Args:
      name: The name of the feature.
      source: The source of the feature.
      feature: The feature.
      series: The values of each dimension. All dimensions have the same number of values.
      label: The label, or None if the file has no labels.

    Raises:
      BadRecordError: if the dimension or the label is missing, or if the label does not fit the kind of the feature.
    """
    if source == VALUES:
        return [list(step) for step in zip(*series, strict=True)]
    if source != LABEL:
        if int(source) >= len(series):
            raise bad_record(Reason.MISSING_FEATURE, f"`{name}` is dimension {source}, but there are {len(series)}")
        return series[int(source)]
    if label is None:
        raise bad_record(
            Reason.MISSING_FEATURE, f"`{name}` is the label, but the file has none (`@classLabel true ...`)"
        )
    return parse_cell(name, feature, label)
