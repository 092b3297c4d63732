"""Finds keys that occur in more than one record, within a split or in several splits."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx_sequence.schemas.checks.findings import MAX_FIRST_REJECTS, FindingCounts
from tfx_sequence.schemas.records.rejects import Reason, Reject


class KeyPlace(NamedTuple):
    """The place of a record that has a key.

    Attributes:
      split: The name of the split.
      file: The name of the file.
      record: The position of the record in the file, from 0.
    """

    split: str
    file: str
    record: int

    def __str__(self) -> str:
        """Returns the place in words, for messages."""
        return f"record {self.record} of {self.file}"


class KeyIndex:
    """An index from each key to the records that have the key, in all splits.

    The index holds one place for each key, and a few places per split for a key that is repeated. A key that all
    records have therefore needs little memory. The findings do not depend on the order in which records are added.
    """

    def __init__(self) -> None:
        self._first_place: dict[str, KeyPlace] = {}
        self._places_of_repeated: dict[str, dict[str, _FirstPlaces]] = {}  # Key to split name to places.

    def add(self, key: str, place: KeyPlace) -> None:
        """Adds the place of a record that has the key."""
        if key not in self._first_place:
            self._first_place[key] = place
            return
        if key not in self._places_of_repeated:
            # The key occurs for the second time, so the first record counts as a repetition, too.
            self._places_of_repeated[key] = {}
            self._add_repeated(key, self._first_place[key])
        self._add_repeated(key, place)

    def find_repeated(self, feature: str) -> Iterator[tuple[str, FindingCounts]]:
        """Yields the name of a split and its findings, for each repeated key and each split in which the key occurs.

        Args:
          feature: The name of the feature that the findings belong to.
        """
        for key, places_by_split in self._places_of_repeated.items():
            all_places = [place for split in sorted(places_by_split) for place in places_by_split[split].places]
            for split, first_places in places_by_split.items():
                rejects = tuple(_make_reject(key, place, all_places) for place in first_places.places)
                yield split, FindingCounts.for_reason(Reason.DUPLICATE_KEY, feature, first_places.count, rejects)

    def _add_repeated(self, key: str, place: KeyPlace) -> None:
        self._places_of_repeated[key].setdefault(place.split, _FirstPlaces()).add(place)


class _FirstPlaces:
    """The number of records in one split that have a key, and the places of the first few of these records."""

    def __init__(self) -> None:
        self.count = 0
        self.places: list[KeyPlace] = []

    def add(self, place: KeyPlace) -> None:
        """Counts a record, and keeps its place if it is one of the first."""
        self.count += 1
        bisect.insort(self.places, place)
        del self.places[MAX_FIRST_REJECTS:]


def _make_reject(key: str, place: KeyPlace, all_places: Iterable[KeyPlace]) -> Reject:
    """Makes the reject of one record with a repeated key. Its message names another record with the key."""
    other = next(other for other in all_places if other != place)
    return Reject(
        reason=Reason.DUPLICATE_KEY,
        message=f"the key {key!r} is also that of {other}",
        file=place.file,
        record=place.record,
        key=key,
    )
