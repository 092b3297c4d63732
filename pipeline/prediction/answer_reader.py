"""Reads the answers about single records from the padded outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.contract import LENGTHS

Outputs = Mapping[str, np.ndarray[Any, Any]]
"""The name of each output of a signature, with its values for a batch of B records."""


class Answer(NamedTuple):
    """A model's answer about one record. The values are strings, numbers and lists of Python.

    Attributes:
      context: Output name to value, for the answers about the whole record.
      steps: Output name to one value per step, for the answers about steps.
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
        specs = {name: spec for name, spec in signature.structured_outputs.items() if name != LENGTHS}
        self.names = list(specs)
        # An output with one value per step has the shape [B, None] or [B, None, width]. An output with one value per
        # record has the shape [B] or [B, width], where the width is known and so is not None.
        self._per_step = [name for name, spec in specs.items() if len(spec.shape) > 1 and spec.shape[1] is None]
        self._per_record = [name for name in specs if name not in self._per_step]

    def read(self, outputs: Outputs, row: int, num_steps: int) -> Answer:
        """Returns the answer in one row of a batch, without the values of padded steps."""
        context = {name: _to_python(outputs[name][row]) for name in self._per_record}
        steps = {name: _to_python(outputs[name][row, :num_steps]) for name in self._per_step}
        return Answer(context, steps)


def _to_python(values: Any) -> Any:
    """Converts a value or an array of NumPy to values of Python. Bytes are decoded as UTF-8."""
    if isinstance(values, bytes):
        return values.decode("utf-8", "backslashreplace")
    if isinstance(values, np.ndarray) and values.dtype == object:
        return [_to_python(value) for value in values.tolist()]
    return values.tolist()
