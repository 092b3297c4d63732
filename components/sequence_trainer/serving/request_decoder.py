"""Defines RequestDecoder, the interface for decoding requests to a served model into raw features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import RawFeatures


class RequestDecoder(Protocol):
    """Decodes requests, which are serialized records, string `[B]`, or padded tensors of raw features.

    The results are raw features as the transform graph reads them.
    """

    def decode_inputs(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which the inputs of the model are made."""

    def decode_labels(self, examples: tf.Tensor) -> RawFeatures:
        """Parses at least the raw features from which the labels are made."""

    def decode_all(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which all features that training reads are made."""

    def make_padded_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the specs of the tensors that `decode_padded` takes; empty if requests cannot be padded sequences."""

    def decode_padded(self, features: Mapping[str, tf.Tensor]) -> RawFeatures:
        """Removes the padding from the tensors of `make_padded_specs`. Returns the same features as `decode_inputs`.

        Raises:
          tf.errors.InvalidArgumentError: when the graph runs on tensors that do not fit together.
        """

    def make_example(self, length: int) -> bytes:
        """Makes a serialized record for warm-up requests. It has `length` steps, whose values are all empty or 0."""
