"""Slots and intents of SNIPS' utterances: span F1 and accuracy on the test split.

python benchmarks/quality/snips.py --data DIR --seeds 1 2 3

DIR holds snips_nlu/{train,valid,test}/, each with seq.in, seq.out and label.
"""

from __future__ import annotations

import pathlib

import pipeline_runs

from tfx_sequence.components.sequence_trainer import Accuracy, SpanF1
from tfx_sequence.pipeline.config.tables import Config


def measure(config: Config, epochs: list[pipeline_runs.Figures]) -> dict[str, float]:
    slots, intents = SpanF1(pipeline_runs.values(config, "slots")), Accuracy()
    for answers, labels in pipeline_runs.answers(config, "test"):
        slots.update_state(labels["slots"], answers["slots_id"], answers["lengths"])
        intents.update_state(labels["intent"], answers["intent_id"], None)
    return {"slot F1": float(slots.result()["f1"]), "intent accuracy": float(intents.result())}


if __name__ == "__main__":
    pipeline_runs.main(str(pathlib.Path(__file__).with_suffix(".toml")), measure, __doc__ or "")
