"""Part-of-speech tags of the Turkish treebank: accuracy over the words of the test split.

python benchmarks/quality/treebank.py --seeds 1 2 3
"""

from __future__ import annotations

import pathlib

import pipeline_runs

from tfx_sequence.components.sequence_trainer import Accuracy
from tfx_sequence.pipeline.config.tables import Config


def measure(config: Config, epochs: list[pipeline_runs.Figures]) -> dict[str, float]:
    accuracy = Accuracy()
    for answers, labels in pipeline_runs.answers(config, "test"):
        accuracy.update_state(labels["upos"], answers["upos_id"], answers["lengths"])
    return {"accuracy": float(accuracy.result())}


if __name__ == "__main__":
    pipeline_runs.main(str(pathlib.Path(__file__).with_suffix(".toml")), measure, __doc__ or "")
