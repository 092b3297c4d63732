"""Loads an exported model that reads tokens, and labels sentences with it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfx_sequence.pipeline.prediction.saved_model import BATCH_TOKENS, ModelError, group_by_length
from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS, SCORE_SUFFIX, SERVE_SEQUENCES


@dataclasses.dataclass(frozen=True)
class SentenceLabels:
    """The labels that a model gives to one sentence of T tokens.

    Attributes:
      labels: Label feature to T labels.
      scores: Label feature to T probabilities, each of the label given.
    """

    labels: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]]


class TextModel:
    """An exported model that takes one sequence feature, of strings.

    Args:
      path: The folder of a SavedModel.
      batch_tokens: The most tokens in a batch, padding included.

    Attributes:
      feature: The name of the feature that it takes.
      labels: The names of the labels that it gives.

    Raises:
      ModelError: if it has no signature for raw tokens, or needs more than tokens.
    """

    def __init__(self, path: str, batch_tokens: int = BATCH_TOKENS) -> None:
        # Imported late, for it takes seconds: a wrong path is told before.
        import tensorflow as tf

        self._batch_tokens = batch_tokens
        # The signature lives only as long as the model does.
        self._model = tf.saved_model.load(os.fspath(path))
        signatures = self._model.signatures
        if SERVE_SEQUENCES not in signatures:
            names = ", ".join(signatures) or "none"
            raise ModelError(f"{path}: the model has no signature {SERVE_SEQUENCES!r}, only {names}")
        self._signature = signatures[SERVE_SEQUENCES]
        inputs = self._signature.structured_input_signature[1]
        features = sorted(set(inputs) - {LENGTHS})
        if len(features) != 1 or inputs[features[0]].dtype != tf.string:
            described = ", ".join(f"{name} ({inputs[name].dtype.name})" for name in features)
            raise ModelError(
                f"{path}: text can be tagged if the model takes one sequence of strings, but it takes {described}; "
                f"call its signature {SERVE_SEQUENCES!r} from Python"
            )
        self.feature = features[0]
        outputs = self._signature.structured_outputs
        # A label has an id beside it. A feature that is only passed through has none.
        self.labels = [name for name in outputs if f"{name}{ID_SUFFIX}" in outputs and outputs[name].dtype == tf.string]
        if not self.labels:
            raise ModelError(f"{path}: the signature {SERVE_SEQUENCES!r} gives no labels, only {', '.join(outputs)}")

    def label(self, sentences: Sequence[Sequence[str]]) -> list[SentenceLabels]:
        """Labels sentences.

        Args:
          sentences: B lists of tokens, of any lengths, 0 included.

        Returns:
          B results, in the order of the sentences.
        """
        # A sentence without tokens has no labels, whatever the model. (On a GPU, cuDNN refuses a length of 0.)
        empty = SentenceLabels(dict.fromkeys(self.labels, ()), dict.fromkeys(self.labels, ()))
        results = [empty] * len(sentences)
        lengths = [len(sentence) for sentence in sentences]
        for batch in group_by_length(lengths, self._batch_tokens):
            outputs = self._call([sentences[index] for index in batch])
            for row, index in enumerate(batch):
                real_steps = slice(lengths[index])
                results[index] = SentenceLabels(
                    labels={name: [label.decode() for label in outputs[name][row, real_steps]] for name in self.labels},
                    scores={name: outputs[f"{name}{SCORE_SUFFIX}"][row, real_steps].tolist() for name in self.labels},
                )
        return results

    def _call(self, sentences: Sequence[Sequence[str]]) -> dict[str, np.ndarray[Any, Any]]:
        """Returns the model's answers for one batch: output name to an array `[B, T]`, padded."""
        import tensorflow as tf

        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        # [B, T]
        tokens = np.full((len(sentences), lengths.max()), b"", object)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = [token.encode() for token in sentence]
        outputs = self._signature(**{self.feature: tf.constant(tokens), LENGTHS: tf.constant(lengths)})
        return {name: value.numpy() for name, value in outputs.items()}
