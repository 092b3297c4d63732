"""Defines the schemes of tags that mark spans of steps, such as named entities, and parses the tags of a dataset.

A tag is `O`, for a step outside of all spans, or it consists of a prefix and the type of its span. An example with a
sentence in the first row, and its spans in brackets::

    step        Ada   Maria  Lovelace  met  Turing  Paris
    spans      [PER                 ]      [PER  ] [LOC ]
    BIO         B-PER I-PER  I-PER     O    B-PER   B-LOC
    BIOES       B-PER I-PER  E-PER     O    S-PER   S-LOC

All code that reads tags uses the table `SCHEMES`. This is the record checks, the CRF's constraints, the metrics of
training and of the Evaluator, and the discovery of a dataset's features. To add a scheme, add a row to the table::

    "BILOU": TagScheme(begin=("B",), inside=("I",), end=("L",), single=("U",)),
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]

OUTSIDE = "O"
"""The prefix of the tag for steps outside of all spans."""


class Tag(NamedTuple):
    """The two parts of a tag.

    Attributes:
      prefix: The part before the first `-`, or the whole tag if it has no `-`.
      type: The part after the first `-`, or None if the tag has no `-`.
    """

    prefix: str
    type: str | None


def split_tag(tag: str) -> Tag:
    """Splits a tag into its parts: `B-PER` has the prefix `B` and the type `PER`."""
    prefix, dash, rest = tag.partition("-")
    return Tag(prefix, rest if dash else None)


@dataclass(frozen=True)
class TagScheme:
    """A scheme of tags, given by its prefixes. The rules for which tag may follow which are derived from them.

    A span is open after a step if the next step may belong to the same span.

    Attributes:
      begin: The prefixes of the first step of a span. The span is open after it.
      inside: The prefixes of further steps of a span. The span is open after them.
      end: The prefixes of the last step of a span. If the scheme has any, each open span must be closed by one.
      single: The prefixes of spans of one step.
      is_strict: Whether spans must follow the rules of the scheme. If False, each run of joined steps is a span.
    """

    begin: tuple[str, ...]
    inside: tuple[str, ...]
    end: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    is_strict: bool = True

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All prefixes, starting with `O`."""
        return (OUTSIDE, *self.begin, *self.inside, *self.end, *self.single)

    @property
    def open_prefixes(self) -> tuple[str, ...]:
        """The prefixes of steps after which a span is open."""
        return self.begin + self.inside

    @property
    def continuing_prefixes(self) -> tuple[str, ...]:
        """The prefixes of steps that belong to the same span as the step before."""
        return self.inside + self.end

    @property
    def must_close(self) -> bool:
        """Whether an open span must continue until a tag closes it."""
        return self.is_strict and bool(self.end)

    def has_tag(self, tag: Tag) -> bool:
        """Returns whether a tag is `O`, or has another prefix of the scheme and a type. The type may be empty."""
        if tag.prefix == OUTSIDE:
            return tag.type is None
        return tag.prefix in self.prefixes and tag.type is not None


SCHEMES: dict[str, TagScheme] = {
    # IOB2 of Ratnaparkhi 1998, "Maximum Entropy Models for Natural Language Ambiguity Resolution".
    "BIO": TagScheme(begin=("B",), inside=("I",)),
    # IOBES of Ratinov and Roth 2009, "Design Challenges and Misconceptions in Named Entity Recognition".
    "BIOES": TagScheme(begin=("B",), inside=("I",), end=("E",), single=("S",)),
}
"""The schemes by name. A feature's `spans` in the schema must be one of these names."""

# A type checker cannot read a Literal whose names come from a table, so it sees a string. At run time, pydantic refuses
# names that are not in the table.
if TYPE_CHECKING:
    SpanScheme = str
else:
    SpanScheme = Literal[tuple(SCHEMES)]
    """The name of a scheme. Configs use this type to check names."""


def _merge_prefixes(schemes: Sequence[TagScheme]) -> TagScheme:
    """Makes a scheme that accepts the tags of all these schemes, and reads them leniently."""
    return TagScheme(
        begin=_join_distinct(scheme.begin for scheme in schemes),
        inside=_join_distinct(scheme.inside for scheme in schemes),
        end=_join_distinct(scheme.end for scheme in schemes),
        single=_join_distinct(scheme.single for scheme in schemes),
        is_strict=False,
    )


def _join_distinct(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Joins groups of prefixes, and leaves out repeated prefixes."""
    return tuple(dict.fromkeys(itertools.chain.from_iterable(groups)))


LENIENT = _merge_prefixes(list(SCHEMES.values()))
"""The scheme for tags that may break the rules, such as predictions. Finds the same spans as CoNLL's evaluation and
seqeval's default mode."""

READINGS: dict[str, TagScheme] = {"lenient": LENIENT, **SCHEMES}
"""The ways of finding spans in metrics, by name."""


class TagSet(NamedTuple):
    """The C tags of a dataset and their properties. The methods take tags as indices from 0 to C - 1.

    Attributes:
      scheme: The scheme by which the tags are read.
      types: The distinct types, sorted.
      type_indices: The position in `types` of each tag's type, int32 `[C]`; -1 if the tag has no type.
      is_known: Whether each tag belongs to the scheme and its type is not empty, bool `[C]`.
      is_outside: Whether each tag is outside of all spans, bool `[C]`.
      is_open_after: Whether a span is open after each tag, bool `[C]`.
      continues_span: Whether each tag belongs to the same span as the tag before, bool `[C]`.
    """

    scheme: TagScheme
    types: tuple[str, ...]
    type_indices: Ints
    is_known: Bools
    is_outside: Bools
    is_open_after: Bools
    continues_span: Bools

    @classmethod
    def parse(cls, tags: Sequence[str], scheme: TagScheme) -> TagSet:
        """Parses all tags, including tags that do not belong to the scheme."""
        parsed = [split_tag(tag) for tag in tags]
        types = sorted({tag.type for tag in parsed if tag.type is not None})
        # A tag without a type is not in the table, and gets -1.
        index_by_type: dict[str | None, int] = {name: index for index, name in enumerate(types)}
        return cls(
            scheme=scheme,
            types=tuple(types),
            type_indices=np.array([index_by_type.get(tag.type, -1) for tag in parsed], np.int32),
            is_known=np.array([scheme.has_tag(tag) and tag.type != "" for tag in parsed], np.bool_),
            is_outside=np.array([tag.prefix == OUTSIDE for tag in parsed], np.bool_),
            is_open_after=np.array([tag.prefix in scheme.open_prefixes for tag in parsed], np.bool_),
            continues_span=np.array([tag.prefix in scheme.continuing_prefixes for tag in parsed], np.bool_),
        )

    @property
    def may_start(self) -> Bools:
        """Whether each tag may be the first of a sequence, bool `[C]`."""
        return ~self.continues_span

    @property
    def may_end(self) -> Bools:
        """Whether each tag may be the last of a sequence, bool `[C]`."""
        return ~self.is_open_after if self.scheme.must_close else np.ones_like(self.is_open_after)

    def may_follow(self, before: Ints, after: Ints) -> Bools:
        """Returns whether each tag of `after` may follow the tag of `before`. The two arrays are broadcast."""
        have_same_type = self.type_indices[before] == self.type_indices[after]
        is_same_span = self.is_open_after[before] & self.continues_span[after] & have_same_type
        is_new_span = self.may_end[before] & self.may_start[after]
        return is_same_span | is_new_span

    def find_misplaced(self, tags: Ints, first: Bools, last: Bools) -> Bools:
        """Finds the steps whose tags break the rules of the scheme.

        Args:
          tags: The tag of each step of all sequences, which are concatenated, `[S]`.
          first: Whether each step is the first step of its sequence, `[S]`.
          last: Whether each step is the last step of its sequence, `[S]`.

        Returns:
          Whether each tag is misplaced, `[S]`. If a span is left open, the tag after it counts as misplaced. At the end
          of a sequence, the last tag counts.
        """
        # At the first step of a sequence, `np.roll` takes a tag of another sequence, so the result is not used.
        tag_before = np.roll(tags, 1)
        fits_tag_before = np.where(first, self.may_start[tags], self.may_follow(tag_before, tags))
        fits_end = self.may_end[tags] | ~last
        return ~(self.is_known[tags] & fits_tag_before & fits_end)


def read_tags(tags: Sequence[str], reading: str) -> TagSet:
    """Parses the tags of ids 1, 2, ..., and checks that they belong to the scheme.

    Args:
      tags: The tags, such as `["O", "B-PER", "I-PER"]`.
      reading: The name of a scheme, or `lenient`.

    Raises:
      ValueError: if `reading` is unknown, or a tag does not belong to the scheme.
    """
    if reading not in READINGS:
        raise ValueError(f"the scheme of the tags must be one of {sorted(READINGS)}, but is {reading!r}")
    scheme = READINGS[reading]
    for id_, tag in enumerate(tags, 1):
        if not scheme.has_tag(split_tag(tag)):
            expected = ", ".join(OUTSIDE if prefix == OUTSIDE else f"{prefix}-TYPE" for prefix in scheme.prefixes)
            raise ValueError(f"tag {tag!r} (id {id_}) does not belong to scheme {reading!r}, which has {expected}")
    return TagSet.parse(tags, scheme)


def find_scheme(tags: Iterable[str]) -> SpanScheme | None:
    """Finds the scheme of the tags.

    Returns:
      The first scheme in `SCHEMES` to which all tags belong, or None if there is no such scheme. At least one of the
      tags must be the first of a span, such as B-PER or S-PER: data that has only the tag O may be of any kind.
    """
    parsed = [split_tag(tag) for tag in tags]
    for name, scheme in SCHEMES.items():
        all_belong = all(scheme.has_tag(tag) and tag.type != "" for tag in parsed)
        if all_belong and any(tag.prefix in scheme.begin + scheme.single for tag in parsed):
            return name
    return None
