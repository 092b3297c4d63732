"""Embeddings: tables with a vector for each id."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def embedding(num_ids: int, width: int, name: str) -> keras.layers.Embedding:
    """Makes a table `[num_ids, width]` of random vectors, whose squared length is 1 on average.

    Keras' own start, within 0.05, is small beside what recurrent weights expect: the first epochs would scale it up.
    Source of the bounds: Ma and Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF".
    """
    # Numbers drawn evenly within b have variance b^2 / 3, here 1 / width: over the whole vector that is 1.
    bound = float(np.sqrt(3 / width))
    start = keras.initializers.RandomUniform(-bound, bound)
    return keras.layers.Embedding(num_ids, width, embeddings_initializer=start, name=name)


def pretrained_embedding(vectors: np.ndarray[Any, Any], name: str, trainable: bool) -> keras.layers.Embedding:
    """Makes a table that starts as `vectors`, `[num_ids, D]`."""
    start = keras.initializers.Constant(vectors)
    return keras.layers.Embedding(*vectors.shape, embeddings_initializer=start, name=name, trainable=trainable)
