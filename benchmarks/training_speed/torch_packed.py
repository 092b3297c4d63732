"""PyTorch: nn.LSTM over pack_padded_sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from rival import CLASSES, EMBEDDING, VOCABULARY, Corpus, serve
from torch.nn.utils.rnn import pack_padded_sequence


class Tagger(torch.nn.Module):
    def __init__(self, units: int, bidirectional: bool) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, EMBEDDING, padding_idx=0)
        self.rnn = torch.nn.LSTM(EMBEDDING, units, batch_first=True, bidirectional=bidirectional)
        self.dense = torch.nn.Linear(units * (1 + bidirectional), CLASSES)

    def forward(self, ids: Any, lengths: Any) -> Any:
        packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        # The packed outputs hold real steps alone: no need to pad them again.
        outputs = self.rnn(packed)[0]
        return self.dense(outputs.data)


def prepare(task: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    model = Tagger(task["units"], task["bidirectional"])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def steps() -> Iterator[tuple[int, int]]:
        while True:
            for ids, labels, lengths in corpus.batches():
                lengths = torch.from_numpy(lengths)
                logits = model(torch.from_numpy(ids), lengths)
                target = pack_padded_sequence(torch.from_numpy(labels), lengths, batch_first=True, enforce_sorted=False)
                loss = torch.nn.functional.cross_entropy(logits, target.data - 1)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                loss.item()
                yield int(lengths.sum()), ids.size

    return {"steps": steps}


if __name__ == "__main__":
    serve(prepare)
