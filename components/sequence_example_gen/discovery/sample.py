"""Reads the first records of files as they are, before there is a spec to read them by."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, TypeAlias

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.compression import BrokenFileError
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    describe_wrong_options,
    load_reader,
)
from tfx_sequence.schemas.records.rejects import BadRecordError

RawRecord: TypeAlias = dict[str, Any]
"""The name that a reader knows a feature by, to its value or a list of them."""


def sample_records(files: Iterable[str], read: ReadConfig) -> tuple[list[RawRecord], str]:
    """Reads the first records of the first file that has any.

    Returns:
      Up to `SAMPLE_SIZE` records; a number that is missing is None or NaN. And if no record can be read, why not, as
      far as that is known.

    Raises:
      ValueError: if the format cannot be looked into, or its options are wrong.
    """
    reader = load_reader(read.format)
    problem = ""
    for path in files:
        try:
            sample = reader.sample(Source(path), read.options)
            if sample is None:
                raise ValueError(f"the features of the format {read.format!r} cannot be found out; name them")
            records = list(itertools.islice(sample, SAMPLE_SIZE))
        except BadRecordError as error:
            line = f"line {error.reject.line}: " if error.reject.line else ""
            problem = problem or line + error.reject.message
        except pydantic.ValidationError as error:
            raise ValueError(describe_wrong_options(read, error)) from None
        except (BrokenFileError, OSError) as error:
            problem = problem or str(error)
        else:
            if records:
                return records, ""
    return [], problem
