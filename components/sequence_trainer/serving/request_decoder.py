"""The interface of the decoders that turn requests to a served model into what its transform graph reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import RawFeatures


class RequestDecoder(Protocol):
    """Decodes requests: serialized records, string `[B]`, or padded tensors of raw features."""

    def decode_inputs(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features that the model's inputs are made of."""

    def decode_labels(self, examples: tf.Tensor) -> RawFeatures:
        """Parses at least the raw features that the labels are made of."""

    def decode_all(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features that everything is made of that training reads."""

    def padded_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the tensors that `decode_padded` takes; none if requests cannot be padded sequences."""

    def decode_padded(self, features: Mapping[str, tf.Tensor]) -> RawFeatures:
        """Takes the padding off the tensors of `padded_specs`. Gives what `decode_inputs` gives."""

    def make_example(self, length: int) -> bytes:
        """Serializes a record of `length` steps whose values are all empty or 0, such as warm-up requests need."""
