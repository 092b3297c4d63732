"""Loads an exported model whose only input is a sequence of tokens, and labels sentences with the model."""

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
      scores: Label feature to T probabilities. Each one is the probability of the label at the same position.
    """

    labels: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]]


class TextModel:
    """An exported model that has one input feature, a sequence of strings.

    Args:
      path: The folder of a SavedModel.
      batch_tokens: The maximum number of tokens in a batch, padding included.

    Attributes:
      feature: The name of the input feature.
      labels: The names of the label features that the model predicts.

    Raises:
      ModelError: if the model has no signature for raw tokens, has other inputs besides tokens, or predicts no labels.
    """

    def __init__(self, path: str, batch_tokens: int = BATCH_TOKENS) -> None:
        # Imported here because TensorFlow takes seconds to load. A wrong path is reported before.
        import tensorflow as tf

        self._batch_tokens = batch_tokens
        # A signature can be called only as long as its model exists, so the model is kept.
        self._model = tf.saved_model.load(os.fspath(path))
        signatures = self._model.signatures
        if SERVE_SEQUENCES not in signatures:
            names = ", ".join(signatures) or "none"
            raise ModelError(f"{path}: the model has no signature {SERVE_SEQUENCES!r}, only {names}")
        self._signature = signatures[SERVE_SEQUENCES]
        self.feature = _find_token_feature(self._signature, path)
        outputs = self._signature.structured_outputs
        # The outputs of a label `upos` are `upos`, `upos_id` and `upos_score`. An output without an id is a feature
        # that the model only passes through.
        self.labels = [name for name in outputs if f"{name}{ID_SUFFIX}" in outputs and outputs[name].dtype == tf.string]
        if not self.labels:
            raise ModelError(f"{path}: the signature {SERVE_SEQUENCES!r} gives no labels, only {', '.join(outputs)}")

    def label(self, sentences: Sequence[Sequence[str]]) -> list[SentenceLabels]:
        """Labels sentences.

        Args:
          sentences: B lists of tokens. A list may be empty.

        Returns:
          B objects with the labels of a sentence, in the order of the sentences.
        """
        # The model is not asked about a sentence without tokens. Its labels are known to be empty, and on a GPU, cuDNN
        # does not accept a length of 0.
        empty = SentenceLabels(dict.fromkeys(self.labels, ()), dict.fromkeys(self.labels, ()))
        results = [empty] * len(sentences)
        lengths = [len(sentence) for sentence in sentences]
        for batch in group_by_length(lengths, self._batch_tokens):
            outputs = self._call([sentences[index] for index in batch])
            for row, index in enumerate(batch):
                results[index] = self._read_labels(outputs, row, lengths[index])
        return results

    def _read_labels(self, outputs: Mapping[str, np.ndarray[Any, Any]], row: int, length: int) -> SentenceLabels:
        """Returns the labels of one row of a batch, without those of padded steps."""
        labels, scores = {}, {}
        for name in self.labels:
            labels[name] = [label.decode() for label in outputs[name][row, :length]]
            scores[name] = outputs[f"{name}{SCORE_SUFFIX}"][row, :length].tolist()
        return SentenceLabels(labels, scores)

    def _call(self, sentences: Sequence[Sequence[str]]) -> dict[str, np.ndarray[Any, Any]]:
        """Calls the model with one batch. Returns output name to an array `[B, T]`, which includes padded steps."""
        import tensorflow as tf

        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        # Shape [B, T]. The empty string is the padding.
        tokens = np.full((len(sentences), lengths.max()), b"", object)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = [token.encode() for token in sentence]
        outputs = self._signature(**{self.feature: tf.constant(tokens), LENGTHS: tf.constant(lengths)})
        return {name: value.numpy() for name, value in outputs.items()}


def _find_token_feature(signature: Any, path: str) -> str:
    """Returns the name of the only input of a signature besides the lengths.

    Raises:
      ModelError: if there are other inputs, or if the input is not a sequence of strings.
    """
    inputs = signature.structured_input_signature[1]
    features = sorted(set(inputs) - {LENGTHS})
    if len(features) == 1 and inputs[features[0]].dtype.name == "string":
        return features[0]
    described = ", ".join(f"{name} ({inputs[name].dtype.name})" for name in features)
    raise ModelError(
        f"{path}: text can be tagged if the model takes one sequence of strings, but it takes {described}; "
        f"call its signature {SERVE_SEQUENCES!r} from Python"
    )
