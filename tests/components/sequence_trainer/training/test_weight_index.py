"""The names and axes of weights that are written beside a model: they must stay, for models that were exported before.

`weight_names.json` was written by the version that first had it. A name or an axis in it never changes. A new part of a
network gets a case of its own. This command adds the cases that are missing, and changes no other:

    PYTHONPATH=tests .venv/bin/python tests/components/sequence_trainer/training/test_weight_index.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head
from tfx_sequence.components.sequence_trainer.model.heads.labels import SoftmaxHead
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.weight_index import name_weights
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.spec import Feature, SequenceSpec

GOLDEN = Path(__file__).with_name("weight_names.json")


def _classes(count: int) -> tuple[bytes, ...]:
    return tuple(b"%d" % number for number in range(count))


# Names that end in numbers look like those by which Keras counts layers. `genre` has no vocabulary.
TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "genre": Feature(kind="token", context=True),
            "words": Feature(kind="token"),
            "pitch": Feature(kind="float"),
            "tags_1": Feature(kind="categorical", role="label"),
            "tags_2": Feature(kind="categorical", role="label"),
            "intent": Feature(kind="categorical", role="label", context=True),
            "price": Feature(kind="float", role="label", context=True),
            "next": Feature(kind="categorical", role="label"),
        }
    ),
    inputs=(
        Input("genre", num_ids=4, width=1, context=True),
        Input("words", num_ids=7, width=1, context=False),
        Input("words_suffix_3", num_ids=9, width=1, context=False),
        Input("pitch", num_ids=None, width=1, context=False),
        Input("words_characters", num_ids=11, width=1, context=False, nested=True),
    ),
    labels=(
        Label("tags_1", per_step=True, classes=_classes(5)),
        Label("tags_2", per_step=True, classes=_classes(3)),
        Label("intent", per_step=False, classes=_classes(2)),
        Label("price", per_step=False),
        Label("next", per_step=True, classes=_classes(6), same_ids=("words",)),
    ),
    columns={},
)
COUNTS = {"words": 7, "words_suffix_3": 9, "words_characters": 11, "tags_1": 5, "tags_2": 3, "intent": 2, "next": 6}
VALUES = {name: ["any value"] * count for name, count in COUNTS.items()}
BATCH = {
    "genre": tf.ones([2], tf.int64),
    "words": tf.ones([2, 3], tf.int64),
    "words_suffix_3": tf.ones([2, 3], tf.int64),
    "pitch": tf.ones([2, 3]),
    "words_characters": tf.ones([2, 3, 4], tf.int64),
    get_counts_key("words_characters"): tf.ones([2, 3], tf.int64),
    LENGTHS: tf.constant([3, 2], tf.int64),
}
# Two blocks of 49 cover the inputs: 13 + 13 + 21 + 1 + 50 = 98 of them.
SMALL = {"units": 12, "embedding_dim": 13, "affix_dim": 21, "bidirectional": False}
BLOCKS = {"blocks": 2, "block_width": 49}

CASES: dict[str, dict[str, Any]] = {
    **{f"cell {name}": {"cell": name} for name in CELLS.rows},
    "cell lstm with a projection": {"peepholes": True, "projection": 5},
    "three layers": {"layers": 3},
    "three layers both ways": {"layers": 3, "bidirectional": True},
    "highway": {"layers": 2, "shortcut": "highway"},
    "residual both ways": {"layers": 2, "shortcut": "residual", "bidirectional": True},
    "attention": {"layers": 2, "attention_window": 2},
    "zoneout": {"layers": 2, "zoneout": 0.1},
    "state dropout both ways": {"state_dropout": 0.1, "bidirectional": True},
    "character rnn": {"characters": {"encoder": "rnn"}},
    "crf": {"heads": {"tags_1": {"kind": "crf"}, "tags_2": {"kind": "crf"}}},
    "language model": {"heads": {"next": {"kind": "language_model", "sampled": 3}}},
    "tied language model": {"heads": {"next": {"kind": "language_model", "tied": "words"}}},
    "attention pooling": {"heads": {"intent": {"pooling": "attention"}, "price": {"pooling": "attention"}}},
    "max and mean pooling": {"heads": {"intent": {"pooling": "max"}, "price": {"pooling": "mean"}}},
}


def _read_golden() -> dict[str, list[list[Any]]]:
    golden: dict[str, list[list[Any]]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return golden


def _named(case: str) -> list[list[Any]]:
    settings = {**SMALL, **CASES[case]}
    if "blocks" in CELLS.find_row(settings.get("cell", "lstm")).required:
        settings |= BLOCKS
    model = SequenceModel(TASK, ModelConfig.model_validate(settings), seed=1)
    model(BATCH)
    return [[weight.name, *weight.axes] for weight in name_weights(model, VALUES)]


@pytest.mark.parametrize("case", CASES)
def test_names_and_axes_of_weights_stay_as_they_were_written(case: str) -> None:
    golden = _read_golden()
    assert case in golden, f"{case!r} is new: the docstring of this file has the command that adds it"
    assert _named(case) == golden[case]


def test_axes_as_long_as_there_are_values_are_not_taken_for_theirs_when_the_head_says_otherwise() -> None:
    # As many units as the intent has values: the hidden features of the pooling are no values.
    settings = {**SMALL, "units": 2, "heads": {"intent": {"pooling": "attention"}}}
    model = SequenceModel(TASK, ModelConfig.model_validate(settings), seed=1)
    model(BATCH)
    axes = {weight.name: weight.axes for weight in name_weights(model, VALUES)}
    assert axes["head_intent/pooled/attention_pooling/kernel"] == (None, None)
    assert axes["head_intent/logits/kernel"] == (None, "intent")


def test_axes_as_long_as_there_are_values_are_theirs_when_the_head_says_nothing() -> None:
    class OwnHead(SoftmaxHead):
        list_value_axes = Head.list_value_axes

    head = OwnHead(TASK.labels[2], HeadConfig())
    head(Encoded(steps=tf.ones([1, 3, 4]), final=tf.ones([1, 4]), lengths=tf.constant([3])))
    assert [axes for _, axes in head.list_value_axes()] == [(None, "intent"), ("intent",)]


def _add_missing_cases() -> None:
    golden = _read_golden()
    cases = []
    for case in CASES:
        rows = ",\n".join(f"    {json.dumps(row)}" for row in golden.get(case) or _named(case))
        cases.append(f"  {json.dumps(case)}: [\n{rows}\n  ]")
    GOLDEN.write_text("{\n" + ",\n".join(cases) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    _add_missing_cases()
