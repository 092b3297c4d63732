"""Tables of vectors for ids."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def embedding(num_ids: int, width: int, name: str) -> keras.layers.Embedding:
    """A table `[num_ids, width]` of new vectors, of unit variance a value.

    Keras' own start, within 0.05, is small beside what recurrent weights expect: the first epochs go to scaling it up.
    Source of the bounds: Ma and Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF".
    """
    bound = float(np.sqrt(3 / width))
    start = keras.initializers.RandomUniform(-bound, bound)
    return keras.layers.Embedding(num_ids, width, embeddings_initializer=start, name=name)


def pretrained_embedding(vectors: np.ndarray[Any, Any], name: str, trainable: bool) -> keras.layers.Embedding:
    """A table that starts as `vectors`, `[num_ids, D]`."""
    start = keras.initializers.Constant(vectors)
    return keras.layers.Embedding(*vectors.shape, embeddings_initializer=start, name=name, trainable=trainable)
