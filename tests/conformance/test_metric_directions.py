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


def metrics_of_both() -> list[tuple[HeadMetrics, str]]:
    heads = [HEADS.load(kind)(LABELS[row.predicts], HeadConfig(kind=kind)) for kind, row in HEADS.rows.items()]
    metrics = [head.new_metrics() for head in heads]
    return [(metric, name) for metric in metrics for name in metric.result() if name in MORE_IS_BETTER]


def test_training_and_evaluator_have_metrics_in_common() -> None:
    assert {name for _, name in metrics_of_both()} >= {
        "x_accuracy",
        "x_span_f1",
        "x_cross_entropy",
        "x_perplexity",
        "x_mae",
        "x_rmse",
    }


@pytest.mark.parametrize(("metrics", "name"), metrics_of_both(), ids=str)
def test_more_of_a_metric_is_better_in_training_if_it_is_in_the_evaluator(metrics: HeadMetrics, name: str) -> None:
    monitor = Monitor([metrics], name)
    assert (monitor.score({name: 2.0}) > monitor.score({name: 1.0})) == MORE_IS_BETTER[name]
