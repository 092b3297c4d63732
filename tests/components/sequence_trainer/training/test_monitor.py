"""The score of an epoch: which metrics decide, and which way."""

from __future__ import annotations

import math

import keras
import pytest

from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics
from tfx_sequence.components.sequence_trainer.model.heads.labels import SoftmaxHead
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor


class Metric(keras.metrics.Metric):
    """A metric that has seen nothing."""

    def update_state(self, *batch: object) -> None:
        raise AssertionError("no batch is added to this one")

    def result(self) -> float:
        return 0.0


class More(Metric):
    more_is_better = True


class Less(Metric):
    more_is_better = False


class Metrics(HeadMetrics):
    """The metrics of a head that is never run."""

    def __init__(self, label: str, watched: str, **metrics: keras.metrics.Metric) -> None:
        head = SoftmaxHead(Label(label, per_step=True, classes=(b"x",)), HeadConfig())
        super().__init__(head, metrics, watched)
        self.more_is_better = getattr(metrics[watched], "more_is_better", True)

    def update(self, outputs: object, batch: object) -> None:
        raise AssertionError("no batch is added to these")


def test_monitor_adds_up_what_the_heads_watch_unless_told_otherwise() -> None:
    heads = [Metrics("tags", "f1", f1=More(), accuracy=More()), Metrics("next", "perplexity", perplexity=Less())]
    metrics = {"loss": 2.0, "tags_f1": 0.5, "tags_accuracy": 0.75, "next_perplexity": 8.0}
    assert Monitor(heads, None).compute_score(metrics) == 0.5 - 8
    assert Monitor(heads, "tags_accuracy").compute_score(metrics) == 0.75
    assert Monitor(heads, "next_perplexity").compute_score(metrics) == -8
    assert Monitor(heads, "loss").compute_score(metrics) == -2
    assert Monitor(heads, "loss").compute_score({"loss": math.nan}) == -math.inf
    with pytest.raises(TaskError, match=r"training.monitor is 'f1', but the metrics are \['loss', 'tags_f1'"):
        Monitor(heads, "f1")


def test_monitor_refuses_a_metric_when_its_class_does_not_say_which_way_is_better() -> None:
    heads = [Metrics("tags", "f1", f1=More(), other=Metric())]
    with pytest.raises(TaskError, match=r"^training\.monitor is 'tags_other', but the class .* `more_is_better`$"):
        Monitor(heads, "tags_other")


def test_monitor_goes_by_the_head_when_the_metric_is_the_one_that_it_watches() -> None:
    heads = [Metrics("tags", "other", other=Metric())]
    assert Monitor(heads, "tags_other").compute_score({"tags_other": 3.0}) == 3
