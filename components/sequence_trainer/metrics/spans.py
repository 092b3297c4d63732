"""Spans of tag sequences, found for a whole padded batch at once.

A tag is `O`, outside, or a prefix and a type: `B-PER` begins a span of type PER, `I-PER` goes on, `E-PER` ends it,
`S-PER` is one of a single step. BIO uses B and I, BIOES all four.

Predicted tags need not follow on from each other. Steps join if they have one type, the first is B or I and the second
I or E; a scheme says which runs of joined steps are spans::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    lenient   [         ] [   ]   [   ] [         ] [   ] [   ]    every run but O
    BIOES                               [         ]       [   ]    those that start with B or S and end with E or S

    tags      I-PER I-PER I-LOC O B-LOC B-PER I-PER B-PER I-LOC
    BIO                           [   ] [         ] [   ]          those that start with B

`lenient` is what CoNLL's evaluation and seqeval's default mode count; `BIO` and `BIOES` are seqeval's strict mode with
IOB2 and IOBES.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask

Scheme = Literal["lenient", "BIO", "BIOES"]

_OUTSIDE, _BEGIN, _INSIDE, _END, _SINGLE = range(5)
_PREFIXES = {"O": _OUTSIDE, "B": _BEGIN, "I": _INSIDE, "E": _END, "S": _SINGLE}
_SCHEME_PREFIXES: dict[Scheme, str] = {"lenient": "OBIES", "BIO": "OBI", "BIOES": "OBIES"}


class TagTable(NamedTuple):
    """A tag set, taken apart.

    Attributes:
      types: The names of the span types, sorted.
      prefix: Of each tag in the order of their ids, int32 `[C]`.
      type: The index in `types` of each tag, int32 `[C]`; -1 for O.
    """

    types: tuple[str, ...]
    prefix: npt.NDArray[np.int32]
    type: npt.NDArray[np.int32]


class TagSpans(NamedTuple):
    """The spans of a batch, by the step they start at. All are `[B * T]`.

    Attributes:
      starts: Whether a span starts at the step.
      ends: The last step of the step's span, an index into the flat batch.
      types: The type of the step's tag; -1 for O.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    types: tf.Tensor


def read_tags(tags: Sequence[str], scheme: Scheme = "lenient") -> TagTable:
    """Takes the tags of ids 1, 2, ... apart.

    Raises:
      ValueError: if the scheme is unknown, or a tag is not of it.
    """
    if scheme not in _SCHEME_PREFIXES:
        raise ValueError(f"scheme must be one of {sorted(_SCHEME_PREFIXES)}, but is {scheme!r}")
    names: list[str | None] = []
    for index, tag in enumerate(tags):
        prefix, dash, name = tag.partition("-")
        if prefix not in tuple(_SCHEME_PREFIXES[scheme]) or (prefix == "O") == bool(dash):
            expected = ", ".join("O" if letter == "O" else f"{letter}-TYPE" for letter in _SCHEME_PREFIXES[scheme])
            raise ValueError(f"tag {tag!r} (id {index + 1}) is not of scheme {scheme!r}, which has {expected}")
        names.append(name if dash else None)
    types = tuple(sorted({name for name in names if name is not None}))
    return TagTable(
        types=types,
        prefix=np.array([_PREFIXES[tag[0]] for tag in tags], np.int32),
        type=np.array([-1 if name is None else types.index(name) for name in names], np.int32),
    )


def find_spans(tags: tf.Tensor, lengths: tf.Tensor, table: TagTable, scheme: Scheme = "lenient") -> TagSpans:
    """Finds the spans of tag ids `[B, T]`, T at least 1, of sequences of these lengths `[B]`."""
    mask = step_mask(lengths, tf.shape(tags)[1])
    index = classes(tags, mask)
    prefix = tf.where(mask, tf.gather(table.prefix, index), _OUTSIDE)
    types = tf.where(mask, tf.gather(table.type, index), -1)
    joined = tf.reshape(_joined(prefix, types), [-1])
    prefix, types = tf.reshape(prefix, [-1]), tf.reshape(types, [-1])
    # Runs are numbered; an O or a padded step is a run of its own. A run ends before the next one begins.
    first = tf.where(~joined)[:, 0]
    last = tf.concat([first[1:], [tf.size(joined, tf.int64)]], 0) - 1
    ends = tf.gather(last, tf.cumsum(tf.cast(~joined, tf.int64)) - 1)
    starts = ~joined & (prefix != _OUTSIDE) if scheme == "lenient" else _is(prefix, _BEGIN, _SINGLE)
    if scheme == "BIOES":
        starts &= _is(tf.gather(prefix, ends), _END, _SINGLE)
    return TagSpans(starts, ends, types)


def count_spans(labels: TagSpans, predictions: TagSpans, num_types: int) -> tf.Tensor:
    """How many spans of each type were found, were predicted and are there: int64 `[3, num_types]`."""
    found = labels.starts & predictions.starts
    found &= (labels.ends == predictions.ends) & (labels.types == predictions.types)
    counts = [
        tf.math.bincount(tf.boolean_mask(types, which), minlength=num_types, maxlength=num_types, dtype=tf.int64)
        for which, types in (
            (found, labels.types),
            (predictions.starts, predictions.types),
            (labels.starts, labels.types),
        )
    ]
    return tf.stack(counts)


def _joined(prefix: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
    """Whether each step goes on with the span of the step before, bool `[B, T]`."""
    joined = _is(prefix[:, :-1], _BEGIN, _INSIDE) & _is(prefix[:, 1:], _INSIDE, _END)
    return tf.pad(joined & (types[:, :-1] == types[:, 1:]), [[0, 0], [1, 0]])


def _is(prefix: tf.Tensor, *which: int) -> tf.Tensor:
    return tf.reduce_any([prefix == one for one in which], 0)
