"""Tags that mark spans of steps, such as named entities: the schemes there are, and what each allows.

A tag is `O`, outside of all spans, or a prefix and the type of its span. The first row below is a sentence; spans are
in brackets::

    step        Ada   Maria  Lovelace  met  Turing  Paris
    spans      [PER                 ]      [PER  ] [LOC ]
    BIO         B-PER I-PER  I-PER     O    B-PER   B-LOC
    BIOES       B-PER I-PER  E-PER     O    S-PER   S-LOC

Whoever reads tags goes by the table `SCHEMES`: record checks, the CRF's constraints, the metrics of training and of the
Evaluator, and the discovery of a dataset's features. A further scheme is one more row::

    "BILOU": TagScheme(begin=("B",), inside=("I",), end=("L",), single=("U",)),
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]

OUTSIDE = "O"
"""The prefix of the tag that belongs to no span."""


class Tag(NamedTuple):
    """A tag taken apart.

    Attributes:
      prefix: What stands before the first `-`; all of the tag if there is none.
      type: What stands after it; None if there is none.
    """

    prefix: str
    type: str | None


def split_tag(tag: str) -> Tag:
    """Takes a tag apart: `B-PER` is the prefix `B` and the type `PER`."""
    prefix, dash, type_ = tag.partition("-")
    return Tag(prefix, type_ if dash else None)


@dataclass(frozen=True)
class TagScheme:
    """The prefixes of a scheme by their place in a span. What may follow what is derived from them.

    Attributes:
      begin: Prefixes of the first step of a span that may go on.
      inside: Prefixes of further steps of a span that may go on.
      end: Prefixes of the last step of a span. If there are any, a span must not be left open.
      single: Prefixes of a span of one step.
      is_strict: Whether only what follows the rules is a span. If not, every run of steps that join is one.
    """

    begin: tuple[str, ...]
    inside: tuple[str, ...]
    end: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    is_strict: bool = True

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All prefixes, `O` first."""
        return (OUTSIDE, *self.begin, *self.inside, *self.end, *self.single)

    @property
    def opening(self) -> tuple[str, ...]:
        """Prefixes after which a span may go on."""
        return self.begin + self.inside

    @property
    def continuing(self) -> tuple[str, ...]:
        """Prefixes of steps that go on with the span of the step before."""
        return self.inside + self.end

    @property
    def must_close(self) -> bool:
        """Whether a span that is open must be gone on with until it is closed."""
        return self.is_strict and bool(self.end)

    def has_tag(self, tag: Tag) -> bool:
        """Returns whether a tag is `O`, or has a prefix of the scheme and a type, which may be empty."""
        return tag.prefix in self.prefixes and (tag.prefix == OUTSIDE) == (tag.type is None)


SCHEMES: dict[str, TagScheme] = {
    # IOB2 of Ratnaparkhi 1998, "Maximum Entropy Models for Natural Language Ambiguity Resolution".
    "BIO": TagScheme(begin=("B",), inside=("I",)),
    # IOBES of Ratinov and Roth 2009, "Design Challenges and Misconceptions in Named Entity Recognition".
    "BIOES": TagScheme(begin=("B",), inside=("I",), end=("E",), single=("S",)),
}
"""The schemes that a feature's `spans` may name."""

if TYPE_CHECKING:
    SpanScheme = str
else:
    SpanScheme = Literal[tuple(SCHEMES)]
    """The name of a scheme, for checks of configs."""


def _merge_prefixes(schemes: Sequence[TagScheme]) -> TagScheme:
    """Makes the lenient reading of tags of any of these schemes."""
    return TagScheme(
        begin=tuple(dict.fromkeys(prefix for scheme in schemes for prefix in scheme.begin)),
        inside=tuple(dict.fromkeys(prefix for scheme in schemes for prefix in scheme.inside)),
        end=tuple(dict.fromkeys(prefix for scheme in schemes for prefix in scheme.end)),
        single=tuple(dict.fromkeys(prefix for scheme in schemes for prefix in scheme.single)),
        is_strict=False,
    )


LENIENT = _merge_prefixes(list(SCHEMES.values()))
"""How CoNLL's evaluation and seqeval's default mode read tags that need not follow any rule, such as predictions."""

READINGS: dict[str, TagScheme] = {"lenient": LENIENT, **SCHEMES}
"""The ways in which metrics find spans."""


class TagSet(NamedTuple):
    """The C tags of a dataset, taken apart. Tags are given to its methods as indices into it.

    Attributes:
      scheme: The scheme that they are read by.
      types: The names of the types, sorted.
      type: The index in `types` of each tag's type, int32 `[C]`; -1 if it has none.
      is_known: Whether each tag is one of the scheme, with a type that is not empty, bool `[C]`.
      is_outside: Whether each tag belongs to no span, bool `[C]`.
      opens: Whether a span may go on after each tag, bool `[C]`.
      continues: Whether each tag goes on with the span of the tag before, bool `[C]`.
    """

    scheme: TagScheme
    types: tuple[str, ...]
    type: Ints
    is_known: Bools
    is_outside: Bools
    opens: Bools
    continues: Bools

    @classmethod
    def parse(cls, tags: Sequence[str], scheme: TagScheme) -> TagSet:
        """Takes tags apart, those that are not of the scheme too."""
        parts = [split_tag(tag) for tag in tags]
        types = sorted({tag.type for tag in parts if tag.type is not None})
        index: dict[str | None, int] = {name: at for at, name in enumerate(types)}
        return cls(
            scheme=scheme,
            types=tuple(types),
            type=np.array([index.get(tag.type, -1) for tag in parts], np.int32),
            is_known=np.array([scheme.has_tag(tag) and tag.type != "" for tag in parts], np.bool_),
            is_outside=np.array([tag.prefix == OUTSIDE for tag in parts], np.bool_),
            opens=np.array([tag.prefix in scheme.opening for tag in parts], np.bool_),
            continues=np.array([tag.prefix in scheme.continuing for tag in parts], np.bool_),
        )

    @property
    def may_start(self) -> Bools:
        """Whether each tag may be the first of a sequence, bool `[C]`."""
        return ~self.continues

    @property
    def may_end(self) -> Bools:
        """Whether each tag may be the last of a sequence, bool `[C]`."""
        return ~self.opens if self.scheme.must_close else np.ones_like(self.opens)

    def may_follow(self, before: Ints, after: Ints) -> Bools:
        """Returns whether each tag of `after` may stand after the one of `before`; the two are broadcast."""
        same_type = self.type[before] == self.type[after]
        goes_on = self.opens[before] & self.continues[after] & same_type
        starts_anew = self.may_end[before] & self.may_start[after]
        return goes_on | starts_anew

    def find_misplaced(self, tags: Ints, first: Bools, last: Bools) -> Bools:
        """Finds the steps of sequences, laid end to end, whose tag may not stand there.

        Args:
          tags: The tag of each step, `[S]`.
          first: Whether the step is the first of its sequence, `[S]`.
          last: Whether it is the last, `[S]`.

        Returns:
          Bool `[S]`. Where a span is left open, it is the next tag that is misplaced, for it does not go on with it.
        """
        fits_before = np.where(first, self.may_start[tags], self.may_follow(np.roll(tags, 1), tags))
        fits_end = self.may_end[tags] | ~last
        return ~(self.is_known[tags] & fits_before & fits_end)


def read_tags(tags: Sequence[str], reading: str) -> TagSet:
    """Takes the tags of ids 1, 2, ... apart.

    Args:
      tags: Such as `["O", "B-PER", "I-PER"]`.
      reading: A scheme's name, or `lenient`.

    Raises:
      ValueError: if the scheme is unknown, or a tag is not of it.
    """
    if reading not in READINGS:
        raise ValueError(f"scheme must be one of {sorted(READINGS)}, but is {reading!r}")
    scheme = READINGS[reading]
    for id_, tag in enumerate(tags, 1):
        if not scheme.has_tag(split_tag(tag)):
            expected = ", ".join(OUTSIDE if prefix == OUTSIDE else f"{prefix}-TYPE" for prefix in scheme.prefixes)
            raise ValueError(f"tag {tag!r} (id {id_}) is not of scheme {reading!r}, which has {expected}")
    return TagSet.parse(tags, scheme)


def find_scheme(tags: Iterable[str]) -> SpanScheme | None:
    """Finds the first scheme that has all these tags, one of which begins a span; None if there is none."""
    parts = [split_tag(tag) for tag in tags]
    for name, scheme in SCHEMES.items():
        fits = all(scheme.has_tag(tag) and tag.type != "" for tag in parts)
        if fits and any(tag.prefix in scheme.begin for tag in parts):
            return name
    return None
