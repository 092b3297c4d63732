"""Whether more of a metric is better: training, which keeps the best epoch, and the Evaluator give the same answer."""

from __future__ import annotations

import pytest

from tfx_sequence.components.sequence_evaluator.metric_table import METRICS
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.families import HEADS
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor

LABELS = {
    "values": Label("x", per_step=True, classes=(b"O", b"B-A", b"I-A"), spans="BIO"),
    "numbers": Label("x", per_step=True),
}

MORE_IS_BETTER = {
    f"x_{figure}": known.more_is_better for name in METRICS.rows for figure, known in METRICS.load(name).figures.items()
}


def make_metrics(kind: str) -> HeadMetrics:
    row = HEADS.find_row(kind)
    return HEADS.load(kind)(LABELS[row.predicts], HeadConfig(kind=kind)).make_metrics()


SHARED = [(kind, name) for kind in HEADS.rows for name in make_metrics(kind).result() if name in MORE_IS_BETTER]
"""Head to a metric that training gives for it and the Evaluator has too."""


def test_training_and_evaluator_have_metrics_in_common() -> None:
    assert {name for _, name in SHARED} >= {
        "x_accuracy",
        "x_span_f1",
        "x_cross_entropy",
        "x_perplexity",
        "x_mae",
        "x_rmse",
    }


@pytest.mark.parametrize(("kind", "name"), SHARED)
def test_more_of_a_metric_is_better_in_training_if_it_is_in_the_evaluator(kind: str, name: str) -> None:
    monitor = Monitor([make_metrics(kind)], name)
    assert (monitor.compute_score({name: 2.0}) > monitor.compute_score({name: 1.0})) == MORE_IS_BETTER[name]
