"""An exported model, called with tokens: lists of sentences in, labels out, in batches of like length."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS, SCORE_SUFFIX, SERVE_SEQUENCES

BATCH_TOKENS = 16384
"""Steps in a batch, padding included."""


class ModelError(ValueError):
    """The model cannot be found, or cannot tag text."""


@dataclasses.dataclass(frozen=True)
class Tags:
    """What the model says of one sentence of T tokens.

    Attributes:
      labels: Label feature to T labels.
      scores: Label feature to T probabilities, of the label given.
    """

    labels: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]]


def find_model(path: str) -> str:
    """The SavedModel at `path`: the folder itself, or its newest version if it is a `serving` folder.

    Raises:
      ModelError: if there is neither.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ModelError(f"{path}: there is no such folder; a model is a SavedModel, or a serving folder with versions")
    if _is_model(folder):
        return path
    versions = [child for child in folder.iterdir() if child.name.isdecimal() and _is_model(child)]
    if not versions:
        raise ModelError(f"{path}: there is no model here: neither a saved_model.pb nor a numbered version with one")
    return str(max(versions, key=lambda child: int(child.name)))


def _is_model(folder: pathlib.Path) -> bool:
    return (folder / "saved_model.pb").is_file()


class Tagger:
    """Tags sentences with an exported model that takes one sequence feature, of strings."""

    def __init__(self, path: str) -> None:
        """Loads the SavedModel in the folder `path`.

        Raises:
          ModelError: if it has no signature for raw tokens, or needs more than tokens.
        """
        import tensorflow as tf

        # The signature lives only as long as the model does.
        self._model = tf.saved_model.load(os.fspath(path))
        signatures = self._model.signatures
        if SERVE_SEQUENCES not in signatures:
            raise ModelError(
                f"{path}: the model has no signature {SERVE_SEQUENCES!r}, only {', '.join(signatures) or 'none'}"
            )
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
        self.labels = [name for name in outputs if f"{name}{ID_SUFFIX}" in outputs and outputs[name].dtype == tf.string]
        if not self.labels:
            raise ModelError(f"{path}: the signature {SERVE_SEQUENCES!r} gives no labels, only {', '.join(outputs)}")

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[Tags]:
        """Tags sentences.

        Args:
          sentences: B lists of tokens, of any lengths, 0 included.

        Returns:
          B results, in the order of the sentences.
        """
        # A sentence without tokens has no labels, whatever the model. (On a GPU, cuDNN refuses a length of 0.)
        results = [Tags(dict.fromkeys(self.labels, ()), dict.fromkeys(self.labels, ()))] * len(sentences)
        for batch in batches([len(sentence) for sentence in sentences], BATCH_TOKENS):
            outputs = self._call([sentences[index] for index in batch])
            for row, index in enumerate(batch):
                steps = slice(len(sentences[index]))
                results[index] = Tags(
                    labels={name: [label.decode() for label in outputs[name][row, steps]] for name in self.labels},
                    scores={name: outputs[f"{name}{SCORE_SUFFIX}"][row, steps].tolist() for name in self.labels},
                )
        return results

    def _call(self, sentences: Sequence[Sequence[str]]) -> dict[str, np.ndarray[Any, Any]]:
        import tensorflow as tf

        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        # [B, T]
        tokens = np.full((len(sentences), lengths.max()), b"", object)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = [token.encode() for token in sentence]
        outputs = self._signature(**{self.feature: tf.constant(tokens), LENGTHS: tf.constant(lengths)})
        return {name: value.numpy() for name, value in outputs.items()}


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Groups sequences of like length, so that little is padded; sequences of length 0 are left out.

    Args:
      lengths: The length of each sequence.
      tokens: The most steps in a group, padding included. A longer sequence is a group of its own.

    Yields:
      The indices of the sequences of a group, shortest first.
    """
    batch: list[int] = []
    for index in sorted((i for i, length in enumerate(lengths) if length), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
