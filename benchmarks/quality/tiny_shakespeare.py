"""tinyshakespeare, a language model of characters: nats a character on the last tenth of the text.

python benchmarks/quality/tiny_shakespeare.py --data DIR --seeds 1 2 3

DIR holds tiny_shakespeare/input.txt. As is usual with this text, the part that is measured also tells the best epoch.
"""

from __future__ import annotations

import pathlib

import pipeline_runs

from tfx_sequence.pipeline.config.tables import Config


def measure(config: Config, epochs: list[pipeline_runs.Figures]) -> dict[str, float]:
    name = "eval_next_cross_entropy"
    return {"nats a character": min(figures[name] for figures in epochs if name in figures)}


if __name__ == "__main__":
    pipeline_runs.main(str(pathlib.Path(__file__).with_suffix(".toml")), measure, __doc__ or "")
