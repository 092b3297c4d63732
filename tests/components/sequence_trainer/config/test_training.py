"""Settings of training that cannot work, alone or together."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"devices": "all", "accumulate": 2}, "does not go with accumulate = 2"),
        ({"devices": "all", "precision": "mixed_float16"}, "does not go with precision = 'mixed_float16'"),
        ({"optimizer": "rmsprop"}, "'adam' or 'sgd'"),
        ({"model_fn": "no function"}, "match pattern"),
        ({"max_minutes": 0}, "greater than 0"),
    ],
)
def test_config_refuses_what_cannot_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        TrainingConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        ({"devices": "all"}, "devices", "= 'all' does not go with window = 3; leave one of them out"),
        (
            {"model_fn": "a:b"},
            "model_fn",
            "does not go with window: only the default model keeps its states between windows",
        ),
    ],
)
def test_window_is_refused_with_other_settings(settings: dict[str, Any], key: str, message: str) -> None:
    with pytest.raises(pydantic.ValidationError) as raised:
        TrainingConfig(window=3, **settings)
    assert [(error["loc"], error["msg"]) for error in raised.value.errors()] == [((key,), f"Value error, {message}")]
