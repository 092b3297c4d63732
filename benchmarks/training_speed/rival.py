"""What all rivals share: they are told what to do by lines of JSON, and answer in lines of JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

BATCH_TOKENS, VOCABULARY, CLASSES, EMBEDDING = 2048, 5000, 17, 100


class Corpus(NamedTuple):
    ids: list[np.ndarray]
    labels: list[np.ndarray]
    lengths: np.ndarray

    @classmethod
    def read(cls, file: str) -> Corpus:
        with np.load(file) as arrays:
            ends = np.cumsum(arrays["lengths"])[:-1]
            split = [np.split(arrays[name].astype(np.int64), ends) for name in ("ids", "labels")]
            return cls(*split, arrays["lengths"])

    def batch_size(self) -> int:
        """Sequences in a batch, for as many batches as have up to BATCH_TOKENS steps without padding."""
        return max(1, round(BATCH_TOKENS / float(self.lengths.mean())))

    def batches(self, longest: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """One epoch, shuffled: ids and labels `[B, T]`, and lengths; T is `longest`, or that of the batch."""
        order, size = np.random.permutation(len(self.lengths)), self.batch_size()
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            lengths = self.lengths[rows]
            ids = np.zeros([size, longest or lengths.max()], np.int64)
            labels = np.zeros_like(ids)
            for at, row in enumerate(rows):
                ids[at, : lengths[at]], labels[at, : lengths[at]] = self.ids[row], self.labels[row]
            yield ids, labels, lengths


def serve(prepare: Callable[[dict[str, Any], Corpus], dict[str, Any]]) -> None:
    """Answers requests until there are no more.

    Args:
      prepare: Task and corpus to functions: `step`, a generator of the real and computed steps of one update after
        another; `gemm` if it can tell the seconds of its matrix products for each real token.
    """
    steps: Any = None
    functions: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            functions = prepare(request["prepare"], Corpus.read(request["prepare"]["file"]))
            steps = functions["steps"]()
            _run(steps, 2.0)
            answer: dict[str, float] = {}
        elif "gemm" in request:
            answer = {"seconds_a_token": functions["gemm"]()}
        else:
            answer = _run(steps, request["seconds"])
        print(json.dumps(answer), flush=True)


clock = time.process_time if os.environ.get("THREADS") == "1" else time.perf_counter
"""Of the processor for one thread: it stands still while others use the machine."""


def _run(steps: Iterator[tuple[int, int]], seconds: float) -> dict[str, float]:
    start, tokens, computed = clock(), 0, 0
    while clock() - start < seconds:
        real, padded = next(steps)
        tokens += real
        computed += padded
    return {
        "tokens_per_second": tokens / (clock() - start),
        "padding_efficiency": tokens / computed,
    }
