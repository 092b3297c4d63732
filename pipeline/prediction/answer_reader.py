"""Reads the answers about single records from the padded outputs of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.pipeline.prediction.answers import NoValue
from tfx_sequence.pipeline.prediction.saved_model import ModelError
from tfx_sequence.schemas.contract import LENGTHS

Outputs = Mapping[str, np.ndarray[Any, Any]]
"""The name of each output of a signature, with its values for a batch of B records."""


class Answer(NamedTuple):
    """A model's answer about one record. The values are strings, numbers and lists of Python.

    Attributes:
      context: Output name to value, for the answers about the whole record.
      steps: Output name to one value per step, for the answers about steps. A step that the model did not read has
        `NoValue`.
    """

    context: dict[str, Any]
    steps: dict[str, list[Any]]


class AnswerReader:
    """Reads the outputs of one signature.

    Args:
      signature: A signature of a loaded model that answers batches of records.

    Attributes:
      names: The names of the outputs that are answers.
    """

    def __init__(self, signature: Any) -> None:
        specs = dict(signature.structured_outputs)
        self._has_lengths = specs.pop(LENGTHS, None) is not None
        self.names = list(specs)
        # An output with one value per step has the shape [B, None] or [B, None, width]. An output with one value per
        # record has the shape [B] or [B, width], where the width is known and so is not None.
        self._no_values = {
            name: _make_no_value(spec) for name, spec in specs.items() if len(spec.shape) > 1 and spec.shape[1] is None
        }
        self._per_record = [name for name in specs if name not in self._no_values]

    def read(self, outputs: Outputs, row: int, num_steps: int) -> Answer:
        """Reads the answer in one row of a batch.

        Args:
          outputs: The outputs for the batch.
          row: The position of the record in the batch.
          num_steps: The number of steps of the record.

        Raises:
          ModelError: if the model gives more answers than the record has steps.
        """
        # The transform may have cut off steps (`max_steps`). A model of other origin need not say how many it answers.
        num_answers = int(outputs[LENGTHS][row]) if self._has_lengths else num_steps
        if num_answers > num_steps:
            raise ModelError(
                f"the model gives {num_answers} answers about a record of {num_steps} steps, so it is not known which "
                "step an answer belongs to; call its signature from Python"
            )
        context = {name: _to_python(outputs[name][row]) for name in self._per_record}
        steps = {}
        for name, no_value in self._no_values.items():
            steps[name] = _to_python(outputs[name][row, :num_answers]) + [no_value] * (num_steps - num_answers)
        return Answer(context, steps)


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
