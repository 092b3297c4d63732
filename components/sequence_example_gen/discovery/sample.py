"""Reads the first records of files as they are, without a spec, so that a spec can be discovered from them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeAlias

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    Reader,
    describe_wrong_options,
    load_reader,
)
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError

RawRecord: TypeAlias = dict[str, Any]
"""A record before there is a spec: the value, or the list of values, by the name that the `source` of a feature may
have."""


def sample_records(files: Iterable[str], read: ReadConfig) -> tuple[list[RawRecord], str]:
    """Reads the first records of the first file that has records.

    Args:
      files: The paths of the files, in the order in which they are tried.
      read: The format and its options.

    Returns:
      Up to `SAMPLE_SIZE` records, where a missing number is None or NaN. If there are none, also the first problem that
      was found, or an empty text if the files are simply empty.

    Raises:
      ValueError: if the features of the format cannot be discovered, or if its options are wrong.
    """
    reader = load_reader(read.format)
    first_problem = ""
    for path in files:
        try:
            records = _sample_file(path, reader, read)
        except BadRecordError as error:
            line = f"line {error.reject.line}: " if error.reject.line else ""
            first_problem = first_problem or line + error.reject.message
        except DamagedFileError as error:
            line = f"line {error.line}: " if error.line else ""
            first_problem = first_problem or line + error.message
        else:
            if records:
                return records, ""
    return [], first_problem


def _sample_file(path: str, reader: type[Reader], read: ReadConfig) -> list[RawRecord]:
    """Reads the first records of one file.

    Raises:
      BadRecordError: if no record can be read.
      DamagedFileError: if the file is cut off or damaged before the sample is complete.
      FileAccessError: if the file system does not open or read the file.
      ValueError: if the features of the format cannot be discovered, or if its options are wrong.
    """
    try:
        sample = reader.sample(Source(path, read.max_line_bytes, encoding=read.encoding), read.options)
        if sample is None:
            raise ValueError(f"the features of the format {read.format!r} cannot be discovered; name them")
        return list(itertools.islice(sample, SAMPLE_SIZE))
    except pydantic.ValidationError as error:
        raise ValueError(describe_wrong_options(read, error)) from None
