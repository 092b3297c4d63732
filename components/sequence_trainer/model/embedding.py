"""Creates embedding layers, which hold one vector per id."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def make_embedding(num_ids: int, width: int, name: str) -> keras.layers.Embedding:
    """Creates an embedding layer `[num_ids, width]` with random vectors, whose mean squared length is 1.

    Keras' default initial values, from -0.05 to 0.05, are too small for the initial weights of recurrent layers. The
    first epochs would only scale them up.

    Source of the bounds: Ma and Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF".
    """
    # Uniform numbers from -b to b have the variance b^2 / 3. Here it is 1 / width, so the sum over a vector is 1.
    bound = float(np.sqrt(3 / width))
    initializer = keras.initializers.RandomUniform(-bound, bound)
    return keras.layers.Embedding(num_ids, width, embeddings_initializer=initializer, name=name)


def make_pretrained_embedding(vectors: np.ndarray[Any, Any], name: str, trainable: bool) -> keras.layers.Embedding:
    """Creates an embedding layer whose initial weights are `vectors`, `[num_ids, D]`.

    Raises:
      ValueError: if `vectors` has another number of axes.
    """
    if vectors.ndim != 2:
        raise ValueError(f"the vectors of {name!r} must be [num_ids, D], but are {list(vectors.shape)}")
    num_ids, width = vectors.shape
    initializer = keras.initializers.Constant(vectors)
    return keras.layers.Embedding(num_ids, width, embeddings_initializer=initializer, name=name, trainable=trainable)
