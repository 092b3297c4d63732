"""Checks that data sets in several files, such as `train-00003-of-00040.gz`, have all their files."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tfx_sequence.schemas.contract import SPLIT_PREFIX, UNFINISHED

_SHARD = re.compile(r"^(?P<start>.*-)(?P<number>\d{5,})-of-(?P<count>\d{5,})(?P<end>(\.[^/]*)?)$")
"""The pattern of the path of one file of several. TensorFlow, TFX and Beam write numbers of at least five digits."""


class IncompleteDataError(FileNotFoundError):
    """A data set lacks some of its files, or its folder is not completely written."""


class _Series(NamedTuple):
    """Files whose names differ in their numbers only. `start` and `end` stand around `<number>-of-<count>`."""

    start: str
    end: str


def check_shards(paths: Iterable[str]) -> None:
    """Checks that all of `00000-of-00040` to `00039-of-00040` are there, if one of them is.

    Numbers from 1 to the count are complete too, since some programs count from 1. Files of other names are not
    looked at.

    Args:
      paths: The paths of all files that a reader has found.

    Raises:
      IncompleteDataError: if a file is missing, or if two data sets of different counts are mixed in one folder.
    """
    numbers: dict[_Series, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for path in paths:
        if match := _SHARD.match(path):
            numbers[_Series(match["start"], match["end"])][match["count"]].add(int(match["number"]))
    for series, numbers_by_count in numbers.items():
        if len(numbers_by_count) > 1:
            counts = " and ".join(f"{series.start}*-of-{count}{series.end}" for count in sorted(numbers_by_count))
            raise IncompleteDataError(
                f"two data sets are mixed: there are {counts}; delete the files of one of them, or read them by a "
                "pattern of their own"
            )
        for count, present in numbers_by_count.items():
            _check_numbers(series, count, present)


def check_files(paths: Iterable[str], exists: Callable[[str], bool]) -> None:
    """Checks that all files of a data set are there: that none is missing, and that their folders are finished.

    Args:
      paths: The paths of all files that a reader has found.
      exists: A function that returns whether there is a file of a path.

    Raises:
      IncompleteDataError: if a file is missing, or if a folder is still being written.
    """
    paths = list(paths)
    folders = {path.rpartition("/")[0] for path in paths}
    # The folder of a split is in the folder that was written.
    folders |= {folder.rpartition("/")[0] for folder in folders if folder.rpartition("/")[2].startswith(SPLIT_PREFIX)}
    for folder in sorted(folders):
        mark = f"{folder}/{UNFINISHED}" if folder else UNFINISHED
        if exists(mark):
            raise IncompleteDataError(
                f"the data is incomplete: there is a file {mark}, so its folder is still being written, or writing it "
                "has failed; wait, or delete the folder and write it again"
            )
    check_shards(paths)


def _check_numbers(series: _Series, count: str, present: set[int]) -> None:
    total = int(count)
    expected = range(1, total + 1) if total in present and 0 not in present else range(total)
    missing = next((number for number in expected if number not in present), None)
    if missing is None and len(present) == total:
        return
    number = max(present) if missing is None else missing
    name = os.path.basename(f"{series.start}{number:0{len(count)}d}-of-{count}{series.end}")
    raise IncompleteDataError(
        f"the data is incomplete: {os.path.dirname(series.start) or '.'} has {len(present)} of {total} files "
        f"{os.path.basename(series.start)}*-of-{count}{series.end}, and {name} is "
        f"{'one too many' if missing is None else 'missing'}; copy the missing files, or write all of them again"
    )
