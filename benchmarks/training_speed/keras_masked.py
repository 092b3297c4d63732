"""Keras as it comes: Embedding with mask_zero, LSTM, Dense, the training step of `fit`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from rival import CLASSES, EMBEDDING, VOCABULARY, Corpus, serve


def prepare(task: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    longest = int(corpus.lengths.max()) if sys.argv[1] == "keras padded" else None
    rnn = keras.layers.LSTM(task["units"], return_sequences=True)
    model = keras.Sequential(
        [
            keras.layers.Embedding(VOCABULARY, EMBEDDING, mask_zero=True),
            keras.layers.Bidirectional(rnn) if task["bidirectional"] else rnn,
            keras.layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3, global_clipnorm=5.0), loss)

    def steps() -> Iterator[tuple[int, int]]:
        while True:
            for ids, labels, lengths in corpus.batches(longest):
                # Classes from 0; what stands at padded steps is masked.
                model.train_on_batch(ids, np.maximum(labels - 1, 0))
                yield int(lengths.sum()), ids.size

    return {"steps": steps}


if __name__ == "__main__":
    serve(prepare)
