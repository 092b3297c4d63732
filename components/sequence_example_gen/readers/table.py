"""The table of file formats: the class that reads each, and what is known of a format before that class is imported.

A new format is one class and one row. An installed package adds a row by an entry point, as docs/reading.md shows.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tfx_sequence.components.sequence_example_gen.files.compression import SUFFIXES as COMPRESSED_SUFFIXES
from tfx_sequence.schemas.families import Family, Row

SEQUENCE_EXAMPLE = "sequence_example"
"""The format of records that are kept as they are. A file whose name tells no format is taken for one of it, because
TensorFlow and TFX write TFRecord files under any name."""

_READERS = "tfx_sequence.components.sequence_example_gen.readers"


@dataclass(frozen=True)
class ReaderRow(Row):
    """A file format.

    Attributes:
      suffixes: The ends of file names that tell the format.
      holds_lists: Whether a step may hold several values, as a nested feature has them.
      by_folder: Whether the files of a folder belong together, so that folders, not file names, tell the splits.
    """

    suffixes: tuple[str, ...] = ()
    holds_lists: bool = False
    by_folder: bool = False


def _make_own_row(target: str) -> ReaderRow:
    # Nothing is known of the format, so nothing is refused before the reader itself sees the spec.
    return ReaderRow(target, holds_lists=True)


READERS = Family(
    "tfx_sequence.readers",
    {
        "columns": ReaderRow(f"{_READERS}.columns:ColumnsReader"),
        "conllu": ReaderRow(f"{_READERS}.conllu:ConlluReader", suffixes=(".conllu",)),
        "csv": ReaderRow(f"{_READERS}.csv:CsvReader", suffixes=(".csv",)),
        "json": ReaderRow(f"{_READERS}.json:JsonReader", suffixes=(".json",), holds_lists=True),
        "jsonl": ReaderRow(f"{_READERS}.json:JsonlReader", suffixes=(".jsonl",), holds_lists=True),
        "npz": ReaderRow(f"{_READERS}.npz:NpzReader", suffixes=(".npz",)),
        "parallel": ReaderRow(f"{_READERS}.parallel:ParallelReader", by_folder=True),
        "parquet": ReaderRow(f"{_READERS}.parquet:ParquetReader", suffixes=(".parquet",), holds_lists=True),
        SEQUENCE_EXAMPLE: ReaderRow(f"{_READERS}.sequence_example:SequenceExampleReader", holds_lists=True),
        "text": ReaderRow(f"{_READERS}.text:TextReader"),
        "ts": ReaderRow(f"{_READERS}.ts:SeriesReader", suffixes=(".ts",)),
    },
    make_row=_make_own_row,
)
"""The readers, by the name that `[data] format` and `--format` take."""


def find_row(name: str) -> ReaderRow:
    """Returns what is known of a format without importing its reader, or finding out whether there is one."""
    return READERS.rows.get(name) or _make_own_row(name)


def tell_format(path: str) -> str | None:
    """Returns the format that a file's name tells, None if it tells none; `a.jsonl.gz` is JSON Lines."""
    stem, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSED_SUFFIXES:
        suffix = os.path.splitext(stem)[1]
    for name, row in READERS.rows.items():
        if suffix in row.suffixes:
            return name
    return None
