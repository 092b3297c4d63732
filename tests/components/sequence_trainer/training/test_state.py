"""Which epoch is better, and the figures of an epoch."""

from __future__ import annotations

import math

import pytest

from tfx_sequence.components.sequence_trainer.training.state import EpochSums, Outcome


@pytest.mark.parametrize(
    ("score", "loss", "better"),
    [(0.6, 9.0, True), (0.5, 1.9, True), (0.5, 2.0, False), (0.4, 0.1, False), (0.5, math.nan, False)],
)
def test_an_epoch_is_better_that_scores_higher_or_the_same_with_less_loss(
    score: float, loss: float, better: bool
) -> None:
    best = Outcome(epoch=1, metrics={"loss": 2.0}, score=0.5)
    assert Outcome(epoch=2, metrics={"loss": loss}, score=score).is_better_than(best) == better


def test_epoch_sums_tell_nothing_false_when_there_was_no_batch() -> None:
    assert EpochSums().compute_figures() == {"loss": 0.0, "tokens_per_second": 0.0, "padding_efficiency": 0.0}
