"""Defines the table of file formats, with the reader class and the properties of each format.

The properties are known without importing the reader class. To add a format, write a class and add a row. An installed
package adds a row by an entry point, as docs/reading.md shows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tfx_sequence.components.sequence_example_gen.files.compression import SUFFIXES as COMPRESSED_SUFFIXES
from tfx_sequence.schemas.families import Family, Row

# These import NumPy, which the table of formats must not wait for.
if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.config import ReadConfig
    from tfx_sequence.schemas.spec import SequenceSpec, Shift

SEQUENCE_EXAMPLE = "sequence_example"
"""The format of records that are written unchanged. It is also assumed for a file whose name does not determine the
format, because TensorFlow and TFX write TFRecord files under any name."""

_READERS = "tfx_sequence.components.sequence_example_gen.readers"


@dataclass(frozen=True)
class ReaderRow(Row):
    """The properties of a file format.

    Attributes:
      suffixes: The suffixes of file names that determine the format.
      holds_lists: Whether a step may have several values, as the steps of a nested feature do.
      is_binary: Whether the files are not text, so that they have no encoding.
      by_folder: Whether the files of a folder belong together, so that the folder determines the split of a file.
      piece_option: The option that cuts a file into records that are pieces of it; None if there is no such option.
      shifts: Maps the sources whose values belong to another step to the shift of such a feature.
    """

    suffixes: tuple[str, ...] = ()
    holds_lists: bool = False
    is_binary: bool = False
    by_folder: bool = False
    piece_option: str | None = None
    shifts: Mapping[str, Shift] = field(default_factory=dict)


def _make_row_of_unknown_format(target: str) -> ReaderRow:
    # The properties of the format are not known. Lists are allowed here, and the reader itself can refuse the spec.
    return ReaderRow(target, holds_lists=True)


READERS = Family(
    "tfx_sequence.readers",
    {
        "columns": ReaderRow(f"{_READERS}.columns:ColumnsReader"),
        "conllu": ReaderRow(f"{_READERS}.conllu:ConlluReader", suffixes=(".conllu",)),
        "csv": ReaderRow(f"{_READERS}.csv:CsvReader", suffixes=(".csv",)),
        "json": ReaderRow(f"{_READERS}.json:JsonReader", suffixes=(".json",), holds_lists=True),
        "jsonl": ReaderRow(f"{_READERS}.json:JsonlReader", suffixes=(".jsonl",), holds_lists=True),
        "npz": ReaderRow(f"{_READERS}.npz:NpzReader", suffixes=(".npz",), is_binary=True),
        "parallel": ReaderRow(f"{_READERS}.parallel:ParallelReader", by_folder=True),
        "parquet": ReaderRow(
            f"{_READERS}.parquet:ParquetReader", suffixes=(".parquet",), holds_lists=True, is_binary=True
        ),
        SEQUENCE_EXAMPLE: ReaderRow(
            f"{_READERS}.sequence_example:SequenceExampleReader", holds_lists=True, is_binary=True
        ),
        "text": ReaderRow(f"{_READERS}.text:TextReader", piece_option="window", shifts={"next": "next"}),
        "ts": ReaderRow(f"{_READERS}.ts:SeriesReader", suffixes=(".ts",)),
    },
    make_row=_make_row_of_unknown_format,
)
"""The readers, by format name as in `[data] format` and `--format`."""


def find_row(name: str) -> ReaderRow:
    """Returns the properties of a format. It neither imports the reader nor checks that there is one."""
    return READERS.rows.get(name) or _make_row_of_unknown_format(name)


def makes_pieces(config: ReadConfig) -> bool:
    """Returns whether a record may be a piece of a longer sequence, with steps before and after it."""
    piece_option = find_row(config.format).piece_option
    return config.on_long == "split" or (piece_option is not None and bool(config.options.get(piece_option)))


def note_shifts(spec: SequenceSpec, format_name: str) -> SequenceSpec:
    """Returns the spec with the shifts of the labels and carried features whose source has a shift in this format."""
    shifts = find_row(format_name).shifts
    features = {}
    for name, feature in spec.features.items():
        shift = shifts.get(spec.source(name))
        if shift is not None and feature.role in ("label", "carried") and not feature.context:
            feature = feature.model_copy(update={"shift": shift})
        features[name] = feature
    return spec.model_copy(update={"features": features})


def find_format(path: str) -> str | None:
    """Returns the format that the suffix of a file name determines, or None. `a.jsonl.gz` has the format `jsonl`."""
    stem, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSED_SUFFIXES:
        suffix = os.path.splitext(stem)[1]
    for name, row in READERS.rows.items():
        if suffix in row.suffixes:
            return name
    return None
