"""What a Tuner may try: settings that exist, with values that they can have."""

from __future__ import annotations

from typing import Any

import pytest

from tfx_sequence.components.sequence_trainer.config.tuning import Range, TuningConfig, is_integer


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space\n  Dictionary should have at least 1 item"),
        ({"model.unit": [1]}, "there is no setting 'model.unit'; did you mean 'model.units'"),
        ({"units": [1]}, "there is no setting 'units'; did you mean 'model.units'"),
        ({"training.learning_rat": [1]}, "did you mean 'training.learning_rate'"),
        ({"xyzzy": [1]}, r"there is no setting 'xyzzy'; see the keys of \[model\] and \[training\]"),
        ({"model.units": 3}, r"space\.`model\.units`\.list\n  Input should be a valid tuple"),
        ({"model.units": []}, "model.units needs at least one value"),
        ({"model.units": [64, 1.5]}, "model.units cannot be 1.5: Input should be a valid integer"),
        (
            {"model.units": {"min": 0, "max": 5}},
            "model.units cannot be 0.0: Input should be greater than or equal to 1",
        ),
        ({"model.units": {"min": 1.5, "max": 5}}, "model.units cannot be 1.5"),
        ({"model.dropout": {"min": 0.5, "max": 1.5}}, "model.dropout cannot be 1.5: Input should be less than 1"),
        ({"model.dropout": {"min": 0.5, "max": 0.1}}, "must be at least min, which is 0.5"),
        ({"model.dropout": {"min": 0, "max": 0.1, "log": True}}, "needs min > 0, but min is 0"),
        ({"model.cell": {"min": 0, "max": 1}}, "model.cell is not a number"),
        ({"model.cell": ["lstn"]}, "model.cell cannot be 'lstn'"),
        ({"model.projection": [None]}, "model.projection cannot be tried with None"),
        ({"training.monitor": ["loss", "tags_accuracy"]}, "training.monitor cannot be tried: it says what the score"),
        ({"model.heads": [{}]}, "model.heads cannot be tried with {}"),
    ],
)
def test_tuning_refuses_what_no_trial_could_use(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TuningConfig(space=space)


def test_tuning_takes_values_in_the_type_of_their_setting() -> None:
    space = {
        "model.dropout": [0, 0.5],
        "model.projection": [8],
        "model.cell": ["lstm", "gru"],
        "model.bidirectional": [True, False],
        "model.units": {"min": 64, "max": 256, "log": True},
    }
    config = TuningConfig(space=space)
    assert config.space["model.units"] == Range(min=64, max=256, log=True)
    assert [type(value) for value in config.space["model.dropout"]] == [float, float]
    # As it goes to the component and back.
    assert TuningConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("model.units", True),
        ("model.attention_window", True),
        ("model.dropout", False),
        ("training.max_minutes", False),
    ],
)
def test_is_integer_goes_by_the_setting(setting: str, expected: bool) -> None:
    assert is_integer(setting) == expected
