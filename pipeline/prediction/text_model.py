"""Loads an exported model whose only input is a sequence of tokens, and asks the model about sentences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_sequence.pipeline.prediction.answer_reader import AnswerReader, Outputs
from tfx_sequence.pipeline.prediction.answers import Answer
from tfx_sequence.pipeline.prediction.saved_model import BATCH_TOKENS, ModelError, group_by_length
from tfx_sequence.schemas.contract import LENGTHS, SERVE_SEQUENCES
from tfx_sequence.schemas.spec import Feature, SequenceSpec


class TextModel:
    """An exported model that has one input feature, a sequence of strings.

    Args:
      path: The folder of a SavedModel.
      batch_tokens: The maximum number of tokens in a batch, padding included.

    Attributes:
      spec: The input feature.

    Raises:
      ModelError: if the model has no signature for raw tokens, has other inputs besides tokens, or gives no answers.
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
            raise ModelError(
                f"{path}: the model has no signature {SERVE_SEQUENCES!r}, only {names}; export it with SequenceTrainer"
            )
        self._signature = signatures[SERVE_SEQUENCES]
        self._feature = _find_token_feature(self._signature, path)
        self.spec = SequenceSpec(features={self._feature: Feature(kind="token")}, min_length=0)
        self._reader = AnswerReader(self._model, self._signature)
        if not self._reader.names:
            raise ModelError(f"{path}: the signature {SERVE_SEQUENCES!r} gives no answers, only {LENGTHS!r}")

    def answer(self, sentences: Sequence[Sequence[str]]) -> list[Answer]:
        """Returns the model's answers about sentences.

        Args:
          sentences: B lists of tokens. A list may be empty.

        Returns:
          B answers, in the order of the sentences.
        """
        answers: dict[int, Answer] = {}
        lengths = [len(sentence) for sentence in sentences]
        for batch in group_by_length(lengths, self._batch_tokens):
            outputs = self._call([sentences[index] for index in batch])
            for row, index in enumerate(batch):
                answers[index] = self._reader.read(outputs, row, lengths[index])
        return [answers[index] for index in range(len(sentences))]

    def _call(self, sentences: Sequence[Sequence[str]]) -> Outputs:
        """Calls the model with one batch."""
        import tensorflow as tf

        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        # Shape [B, T], with T at least 1. The empty string is the padding.
        tokens = np.full((len(sentences), max(lengths.max(), 1)), b"", object)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = [token.encode() for token in sentence]
        outputs = self._signature(**{self._feature: tf.constant(tokens), LENGTHS: tf.constant(lengths)})
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
        f"{path}: sentences can be answered if the model takes one sequence of strings, but it takes {described}; "
        f"call its signature {SERVE_SEQUENCES!r} from Python"
    )
