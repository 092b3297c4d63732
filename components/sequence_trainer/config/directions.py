"""Decides in which directions the recurrent layers read, so that no label is predicted from steps that contain it.

::

    step                 0   1   2   3
    words                a   b   c   d
    label of the next    b   c   d   .       read forwards: b at step 0 is not in a, but a backward network has read it
    label of the prev.   .   a   b   c       read backwards: c at step 3 is not in d, but a forward network has read it

If there are labels of both kinds, or ordinary labels beside them, each direction is a stack of layers of its own, as in
Peters et al. 2018, "Deep Contextualized Word Representations". In one stack of bidirectional layers, the forward
direction of the second layer would read what the backward direction of the first layer has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.families import HEADS
from tfx_sequence.schemas.spec import Shift

Direction = Literal["forward", "backward", "both"]
"""How a stack of recurrent layers reads. `both` is one stack, each layer of which reads both directions of the layer
below."""

_SAFE_DIRECTION: Mapping[Shift, Direction] = {"next": "forward", "previous": "backward"}
"""Maps the shift of a label to the only direction that has not read the label."""


def find_shift(noted: Shift | None, head: HeadConfig | None) -> Shift | None:
    """Returns the shift of a label: the one that the schema notes, or else the one that the kind of its head implies.

    Args:
      noted: The shift of the label in the schema.
      head: The settings of the label's head; None if there are none.
    """
    if noted is not None or head is None or head.kind is None:
        return noted
    return HEADS.find_row(head.kind).shift


def choose_directions(bidirectional: bool | None, shifts: Iterable[Shift | None]) -> tuple[Direction, ...]:
    """Returns the direction of each stack of recurrent layers.

    Args:
      bidirectional: The setting of the network; None if the directions follow from the labels.
      shifts: The shift of each label, as `find_shift` returns it. `config.checks` has refused the shifts that do not
        fit the setting.
    """
    shifts = set(shifts)
    needed = [direction for shift, direction in _SAFE_DIRECTION.items() if shift in shifts]
    if bidirectional is None:
        bidirectional = None in shifts or len(needed) > 1
    if not bidirectional:
        # `needed` has more than one direction only if the setting was given as false, which the checks have refused.
        return tuple(needed[:1]) or ("forward",)
    return ("forward", "backward") if needed else ("both",)


def choose_readable_directions(shift: Shift | None, directions: tuple[Direction, ...]) -> tuple[Direction, ...]:
    """Returns the directions whose outputs the head of a label may read: all of them if the label has no shift."""
    return directions if shift is None else (_SAFE_DIRECTION[shift],)
