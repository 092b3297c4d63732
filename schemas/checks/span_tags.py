"""Tags that mark spans of steps, and which of them may follow on from each other.

A tag is `O`, outside, or a prefix and a type. Which tag may stand before which, with x one type::

    BIO     I-x only after B-x or I-x
    BIOES   I-x and E-x only after B-x or I-x; and after B-x or I-x only I-x or E-x, so no span is left open

BIO is IOB2 of Ratnaparkhi (1998); BIOES is IOBES (Ratinov and Roth, 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfx_sequence.schemas.checks.arrow_columns import Bools, Ints
from tfx_sequence.schemas.spec import SpanScheme

_PREFIXES: dict[SpanScheme, str] = {"BIO": "OBI", "BIOES": "OBIES"}


class SpanTags(NamedTuple):
    """A tag set, taken apart.

    Attributes:
      known: Whether each tag is one of the scheme, `[C]`.
      opens: Whether a span goes on after the tag: B and I, `[C]`.
      joins: Whether a span goes on before the tag: I and E, `[C]`.
      type: A number for the type of each tag, `[C]`.
      must_join: Whether a span that is open must be joined by the next tag, as in BIOES.
    """

    known: Bools
    opens: Bools
    joins: Bools
    type: Ints
    must_join: bool

    @classmethod
    def parse(cls, tags: Sequence[str], scheme: SpanScheme) -> SpanTags:
        """Takes tags apart."""
        parts = [tag.partition("-") for tag in tags]
        known = [
            tag == "O" or (prefix in tuple(_PREFIXES[scheme]) and prefix != "O" and type_ != "")
            for tag, (prefix, _, type_) in zip(tags, parts, strict=True)
        ]
        types = sorted({type_ for _, _, type_ in parts})
        return cls(
            np.array(known, np.bool_),
            np.array([prefix in ("B", "I") for prefix, _, _ in parts], np.bool_),
            np.array([prefix in ("I", "E") for prefix, _, _ in parts], np.bool_),
            np.array([types.index(type_) for _, _, type_ in parts], np.int64),
            scheme == "BIOES",
        )

    def broken(self, tags: Ints, first: Bools, last: Bools) -> Bools:
        """Which steps carry a tag that may not stand there.

        Args:
          tags: The tag of each step, `[S]`.
          first: Whether the step is the first of its record, `[S]`.
          last: Whether it is the last, `[S]`.
        """
        before = np.roll(tags, 1)
        open_before = self.opens[before] & ~first
        joined = self.joins[tags] & open_before & (self.type[before] == self.type[tags])
        wrong = ~self.known[tags] | (self.joins[tags] & ~joined)
        if self.must_join:
            wrong |= (open_before & ~joined) | (self.opens[tags] & last)
        return wrong
