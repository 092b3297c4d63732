"""Reads the answers about single records from the padded outputs of a model."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tfx_sequence.pipeline.prediction.answers import Answer, NoValue
from tfx_sequence.pipeline.prediction.saved_model import ModelError
from tfx_sequence.schemas.contract import ADDED_STEPS, ID_SUFFIX, LENGTHS, SCORE_SUFFIX

Outputs = Mapping[str, np.ndarray[Any, Any]]
"""The name of each output of a signature, with its values for a batch of B records."""


class AnswerReader:
    """Reads the outputs of one signature.

    Args:
      model: A loaded model.
      signature: The signature of the model that answers batches of records.

    Attributes:
      names: The names of the outputs that are answers: by label, first the answer, then its id and its score.
    """

    def __init__(self, model: Any, signature: Any) -> None:
        self._added_steps = _read_added_steps(model)
        specs = dict(signature.structured_outputs)
        self._has_lengths = specs.pop(LENGTHS, None) is not None
        # A loaded signature has its outputs in any order.
        self.names = sorted(specs, key=functools.partial(_make_sort_key, names=frozenset(specs)))
        # An output with one value per step has the shape [B, None] or [B, None, width]. An output with one value per
        # record has the shape [B] or [B, width], where the width is known and so is not None.
        per_step = [name for name in self.names if len(specs[name].shape) > 1 and specs[name].shape[1] is None]
        self._no_values = {name: _make_no_value(specs[name]) for name in per_step}
        self._per_record = [name for name in self.names if name not in per_step]

    def read(self, outputs: Outputs, row: int, num_steps: int) -> Answer:
        """Reads the answer in one row of a batch.

        Args:
          outputs: The outputs for the batch.
          row: The position of the record in the batch.
          num_steps: The number of steps of the record.

        Raises:
          ModelError: if it is not known which step each answer is about.
        """
        # A model of other origin need not say how many steps it has answered.
        num_answers = int(outputs[LENGTHS][row]) if self._has_lengths else num_steps
        num_before, num_after = self._added_steps or (0, 0)
        num_read = num_answers - num_before - num_after
        # The transform may have cut off steps (`max_steps`), but not all. A model of tf.Examples finds no step at all.
        least = num_steps if self._added_steps is None else min(1, num_steps)
        is_known = least <= num_read <= num_steps
        if not is_known:
            raise ModelError(
                f"the model gives {num_answers} answers about a record of {num_steps} steps, so it is not known which "
                "step an answer is about; call its signature from Python"
            )
        context = {name: _to_python(outputs[name][row]) for name in self._per_record}
        before, steps, after = {}, {}, {}
        end = num_before + num_read
        for name, no_value in self._no_values.items():
            values = _to_python(outputs[name][row, :num_answers])
            before[name], after[name] = values[:num_before], values[end:]
            steps[name] = values[num_before:end] + [no_value] * (num_steps - num_read)
        return Answer(context, steps, before, after)


def _make_sort_key(name: str, names: Collection[str]) -> tuple[str, str]:
    """Returns a key for sorting answers, by which `upos`, `upos_id`, `upos_score` follow one another."""
    for suffix in (ID_SUFFIX, SCORE_SUFFIX):
        label = name.removesuffix(suffix)
        if label != name and label in names:
            return label, suffix
    return name, ""


def _read_added_steps(model: Any) -> tuple[int, int] | None:
    """Returns how many steps the transform of a model adds in front of every sequence, and how many behind it.

    None if the model does not say so, because its transform makes other steps, or because it is of other origin.
    """
    added_steps = getattr(model, ADDED_STEPS, None)
    if added_steps is None:
        return None
    before, after = added_steps().numpy().tolist()
    return before, after


def _make_no_value(spec: Any) -> NoValue:
    """Makes what stands for the answers about steps that the model did not read, from the spec of an output."""
    if spec.dtype.name == "string":
        return NoValue("")
    number = math.nan if spec.dtype.is_floating else 0
    # A label of several numbers has the shape [B, None, width].
    return NoValue([number] * spec.shape[2] if len(spec.shape) > 2 else number)


def _to_python(values: Any) -> Any:
    """Converts a value or an array of NumPy to values of Python. Bytes are decoded as UTF-8."""
    if isinstance(values, bytes):
        return values.decode("utf-8", "backslashreplace")
    if isinstance(values, np.ndarray) and values.dtype == object:
        return [_to_python(value) for value in values.tolist()]
    return values.tolist()
