"""What `[model]` refuses: settings that cannot work, each with its key."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from tfx_sequence.components.sequence_trainer.config.checks import find_contradictions, find_window_problems
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.families import CELLS, HEADS
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "pitch": Feature(kind="float"),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "price": Feature(kind="float", role="label", context=True),
    }
)

NEXT = Feature(kind="categorical", role="label", shift="next")
PREVIOUS = Feature(kind="categorical", role="label", shift="previous")


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        ({"cell": "gru", "peepholes": True}, ("peepholes",), 'goes with cell = "lstm", but cell = "gru"'),
        ({"cell": "nas", "projection": 8}, ("projection",), 'goes with cell = "lstm", but cell = "nas"'),
        (
            {"blocks": 2},
            ("blocks",),
            'goes with cell = "time_frequency_lstm" or "grid_lstm", but cell = "lstm"',
        ),
        ({"cell": "grid_lstm", "blocks": 2}, ("block_width",), 'cell = "grid_lstm" needs it'),
        (
            {"cell": "grid_lstm", "blocks": 2, "block_width": 3, "layers": 2},
            ("layers",),
            'must be 1 for cell = "grid_lstm": its blocks are ranges of the model\'s inputs',
        ),
        (
            {"cell": "grid_lstm", "blocks": 2, "block_width": 3, "zoneout": 0.1},
            ("zoneout",),
            'does not go with cell = "grid_lstm": its output has more numbers than its state',
        ),
        (
            {"cell_options": {"peepholes": True}},
            ("cell_options",),
            'are for a cell of your own, but cell = "lstm", whose settings are keys of [model]: peepholes, cell_clip, '
            "projection, output_clip",
        ),
        (
            {"cell": "gru", "cell_options": {"leak": 0.1}},
            ("cell_options",),
            'are for a cell of your own, but cell = "gru", which has none beside units',
        ),
        (
            {"cell": "my_cells:MyCell", "peepholes": True},
            ("peepholes",),
            'goes with cell = "lstm", but cell = "my_cells:MyCell"',
        ),
        (
            {"cell": "lstn"},
            ("cell",),
            f"is 'lstn', expected one of {', '.join(CELLS.list_names())}, or a class as 'module:Class'",
        ),
        ({"shortcut": "residual"}, ("shortcut",), "goes with layers > 1: it bypasses the layers from the second on"),
        ({"zoneout": 0.1, "state_dropout": 0.1}, ("zoneout",), "does not go with state_dropout"),
        ({"attention_window": 2, "zoneout": 0.1}, ("zoneout",), "does not go with attention_window"),
        (
            {"characters": {"encoder": "rnn", "width": 5}},
            ("characters", "width"),
            'is the width of a convolution: it goes with encoder = "cnn"',
        ),
        (
            {"heads": {"tags": {"kind": "crf", "label_smoothing": 0.1}}},
            ("heads", "tags", "label_smoothing"),
            'goes with kind = "softmax" or "language_model", but kind = "crf"',
        ),
        (
            {"heads": {"tags": {"kind": "crf", "sampled": 9}}},
            ("heads", "tags", "sampled"),
            'goes with kind = "softmax" or "language_model", but kind = "crf"',
        ),
        (
            {"heads": {"tags": {"label_smoothing": 0.1, "sampled": 9}}},
            ("heads", "tags", "sampled"),
            "does not go with label_smoothing",
        ),
        ({"heads": {"tags": {"tied": "tokens"}}}, ("heads", "tags", "tied"), 'goes with kind = "language_model"'),
        (
            {"heads": {"tags": {"kind": "my_heads:MyHead", "pooling": "mean"}}},
            ("heads", "tags", "pooling"),
            'goes with kind = "softmax" or "regression", but kind = "my_heads:MyHead"',
        ),
        (
            {"heads": {"tags": {"kind": "crg"}}},
            ("heads", "tags", "kind"),
            f"is 'crg', expected one of {', '.join(HEADS.list_names())}, or a class as 'module:Class'",
        ),
        (
            {"heads": {"tags": {"kind": "crf", "options": {"order": 2}}}},
            ("heads", "tags", "options"),
            'are for a head of your own, but kind = "crf", whose settings are weight',
        ),
        (
            {"heads": {"tags": {"options": {"order": 2}}}},
            ("heads", "tags", "options"),
            "are for a head of your own: name it as `kind`",
        ),
    ],
)
def test_model_config_names_the_key_when_settings_exclude_each_other(
    settings: dict[str, Any], key: tuple[str, ...], message: str
) -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        ModelConfig.model_validate(settings)
    assert [(error["loc"], error["msg"]) for error in raised.value.errors()] == [(key, f"Value error, {message}")]


@pytest.mark.parametrize("cell", [*CELLS.rows, "my_cells:MyCell"])
def test_model_config_reads_back_what_it_dumps(cell: str) -> None:
    needed = dict.fromkeys(CELLS.find_row(cell).required, 2)
    config = ModelConfig(cell=cell, heads={"tags": {"kind": "crf"}}, **needed)
    assert ModelConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("kind", [*HEADS.rows, "my_heads:MyHead"])
def test_model_config_reads_back_the_heads_that_it_dumps(kind: str) -> None:
    options = {"options": {"margin": 0.5}} if HEADS.find_row(kind).takes_options else {}
    config = ModelConfig.model_validate({"heads": {"tags": {"kind": kind, **options}}})
    assert ModelConfig.model_validate(config.model_dump(mode="json")) == config


def test_own_code_names_the_classes_of_cells_and_heads_that_are_given_as_modules() -> None:
    heads = {"tags": {"kind": "my_heads:MyHead"}, "intent": {"kind": "softmax"}}
    assert ModelConfig(cell="my_cells:MyCell", heads=heads).own_code == ["my_cells:MyCell", "my_heads:MyHead"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"heads": {"tag": {}}}, "model.heads.tag: no label is called 'tag'; the labels are tags, intent, price"),
        (
            {"heads": {"intent": {"kind": "crf"}}},
            'model.heads.intent.kind: "crf" needs one label per step, but there is one label per record '
            "(context = true)",
        ),
        (
            {"heads": {"tags": {"kind": "regression"}}},
            "model.heads.tags.kind: \"regression\" is for numbers, but the label is of kind 'categorical'",
        ),
        (
            {"heads": {"price": {"kind": "softmax"}}},
            "model.heads.price.kind: \"softmax\" chooses one of a label's values, but the label is of kind 'float'",
        ),
        (
            {"heads": {"tags": {"pooling": "attention"}}},
            "model.heads.tags.pooling: is for one label per record (context = true), but there is one label per step",
        ),
        (
            {"bidirectional": False, "heads": {"tags": {"kind": "language_model", "tied": "pitch"}}},
            "model.heads.tags.tied: no input with one id per step is called 'pitch'; such inputs are: tokens",
        ),
        (
            {"heads": {"price": {"label_smoothing": 0.1}}},
            'model.heads.price.label_smoothing: goes with kind = "softmax" or "language_model", '
            "but the label is of kind 'float'",
        ),
        (
            {"heads": {"price": {"sampled": 9}}},
            'model.heads.price.sampled: goes with kind = "softmax" or "language_model", '
            "but the label is of kind 'float'",
        ),
    ],
)
def test_contradictions_name_the_key_when_settings_do_not_fit_the_features(
    settings: dict[str, Any], problem: str
) -> None:
    problems = find_contradictions(SPEC, ModelConfig.model_validate(settings))
    assert [f"{found.key}: {found.message}" for found in problems] == [problem]


def test_window_problems_name_what_needs_whole_sequences() -> None:
    config = ModelConfig.model_validate({"heads": {"tags": {"kind": "crf"}}})
    labels = {name: SPEC.features[name] for name in ("tags", "intent")}
    assert [problem.split(":")[0] for problem in find_window_problems(config, labels)] == [
        "needs model.bidirectional = false",
        'does not go with kind = "crf" in model.heads.tags',
        "needs one label per step, but 'intent' has one per record (context = true)",
    ]


def test_window_problems_are_none_when_all_is_read_forwards() -> None:
    assert not list(find_window_problems(ModelConfig(), {"next": NEXT}))
    assert not list(
        find_window_problems(ModelConfig(bidirectional=False), {"next": NEXT, "tags": SPEC.features["tags"]})
    )
    (problem,) = find_window_problems(ModelConfig(), {"before": PREVIOUS})
    assert problem.startswith("does not go with 'before', a label of the previous step, which is read backwards")


def test_contradictions_are_none_when_all_fits() -> None:
    heads = {"tags": {"kind": "crf"}, "intent": {"pooling": "attention"}, "price": {"kind": "regression"}}
    assert not list(find_contradictions(SPEC, ModelConfig.model_validate({"heads": heads})))


def test_contradictions_take_a_label_that_the_transform_makes() -> None:
    config = ModelConfig.model_validate({"heads": {"next": {"kind": "language_model"}}})
    assert not list(find_contradictions(SPEC, config, SPEC.with_role("label") | {"next": NEXT}))


@pytest.mark.parametrize(
    ("settings", "labels", "problem"),
    [
        (
            {"bidirectional": False},
            {"before": PREVIOUS, "next": NEXT},
            "model.bidirectional: must not be false: forwards, 'before' is read before it is predicted, as it is a "
            "label of the previous step; leave it out",
        ),
        (
            {"bidirectional": True},
            {"next": NEXT},
            "model.bidirectional: must not be true: backwards, every label is read before it is predicted, as 'next' "
            "is a label of the next step; leave it out",
        ),
        (
            # The schema does not note the shift, but the head implies it.
            {"bidirectional": True, "heads": {"tags": {"kind": "language_model"}}},
            {"tags": SPEC.features["tags"]},
            "model.bidirectional: must not be true: backwards, every label is read before it is predicted, as 'tags' "
            "is a label of the next step; leave it out",
        ),
        (
            {"heads": {"next": {"kind": "crf"}}},
            {"next": NEXT},
            'model.heads.next.kind: "crf" does not go with a label of the next step: it weighs the steps of a sequence '
            "together, and other steps have read the value",
        ),
        (
            {"heads": {"before": {"kind": "crf"}}},
            {"before": PREVIOUS, "tags": SPEC.features["tags"]},
            'model.heads.before.kind: "crf" does not go with a label of the previous step: it weighs the steps of a '
            "sequence together, and other steps have read the value",
        ),
    ],
)
def test_contradictions_name_the_key_when_a_label_would_be_read_before_it_is_predicted(
    settings: dict[str, Any], labels: dict[str, Feature], problem: str
) -> None:
    problems = find_contradictions(SPEC, ModelConfig.model_validate(settings), labels)
    assert [f"{found.key}: {found.message}" for found in problems] == [problem]
