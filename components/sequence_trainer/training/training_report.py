"""Reports how a training goes: as log records for whoever listens, and as TensorBoard's event files."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.training.state import Outcome, TrainingState
from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER

progress = logging.getLogger(PROGRESS_LOGGER)
"""The logger of a training's progress.

The attribute `progress` of its records holds figures: of each epoch that has ended, and now and then of a part of an
epoch, with `batch` and, if their number is known, `batches`. One record, of a warm start, is text alone.
"""

SECONDS_BETWEEN_REPORTS = 2.0
"""The least time between two reports within an epoch: often enough to watch, and too seldom to fill a log file."""

Figures = Mapping[str, float]


class TrainingReport:
    """The report of one training. A context manager, which closes the event files.

    Args:
      config: The settings.
      log_dir: Event files are written to `<log_dir>/tensorboard/train` and `<log_dir>/tensorboard/eval`.
    """

    def __init__(self, config: TrainingConfig, log_dir: str) -> None:
        self._config = config
        self._reported_at = time.monotonic()
        self._writers = {
            split: tf.summary.create_file_writer(os.path.join(log_dir, "tensorboard", split))
            for split in ("train", "eval")
        }

    def __enter__(self) -> TrainingReport:
        """Returns the report."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            writer.close()

    def report_batch(self, state: TrainingState, batches: int | None) -> None:
        """Logs how far the epoch is, unless that was logged lately.

        Args:
          state: The state after the batch.
          batches: The number of batches of the epoch, if it is known.
        """
        if time.monotonic() - self._reported_at < SECONDS_BETWEEN_REPORTS:
            return
        self._reported_at = time.monotonic()
        figures: dict[str, float] = self._epoch_numbers(state) | {"batch": state.sums.batches}
        if batches is not None:
            figures["batches"] = batches
        figures |= state.sums.compute_figures()
        seconds_left = self._estimate_seconds_left(state, batches)
        if seconds_left is not None:
            figures["seconds_left"] = seconds_left
        _log(figures)

    def report_epoch(
        self, state: TrainingState, best: Outcome, metrics: Figures, learning_rate: float, weights: Iterable[Any]
    ) -> dict[str, float]:
        """Logs an epoch that has ended, and writes its figures and weights to TensorBoard.

        Args:
          state: The state after the epoch's last batch.
          best: The best epoch, this one included.
          metrics: The metrics on the eval split.
          learning_rate: The learning rate at the end of the epoch.
          weights: The trainable weights.

        Returns:
          The figures of the epoch.
        """
        figures: dict[str, float] = self._epoch_numbers(state) | state.sums.compute_figures()
        figures["learning_rate"] = learning_rate
        figures |= {f"eval_{name}": value for name, value in metrics.items()}
        self.write_scalars(figures)
        with self._writers["train"].as_default(step=state.epoch):
            for weight in weights:
                tf.summary.histogram(weight.path, tf.convert_to_tensor(weight))
        logged = {**figures, "best_epoch": best.epoch}
        # The next epoch is taken to have as many batches as this one had.
        seconds_left = self._estimate_seconds_left(state, state.sums.batches)
        if seconds_left is not None:
            logged["seconds_left"] = seconds_left
        _log(logged)
        self._reported_at = time.monotonic()
        return figures

    def write_scalars(self, figures: Figures) -> None:
        """Writes the figures of an epoch to TensorBoard."""
        for name, value in figures.items():
            if name not in ("epoch", "epochs"):
                writer = self._writers["eval" if name.startswith("eval_") else "train"]
                with writer.as_default(step=int(figures["epoch"])):
                    tf.summary.scalar(name.removeprefix("eval_"), value)

    def _epoch_numbers(self, state: TrainingState) -> dict[str, float]:
        return {"epoch": state.epoch, "epochs": self._config.epochs}

    def _estimate_seconds_left(self, state: TrainingState, batches: int | None) -> float | None:
        """Estimates how long training goes on if patience does not end it; None if too little is known.

        Args:
          state: The state within the epoch.
          batches: The number of batches of an epoch.
        """
        sums = state.sums
        if batches is None or not sums.batches:
            return None
        batches_left = float((self._config.epochs - state.epoch + 1) * batches - sums.batches)
        if self._config.max_steps is not None and sums.updates:
            batches_per_update = sums.batches / sums.updates
            batches_left = min(batches_left, (self._config.max_steps - state.step) * batches_per_update)
        seconds = batches_left * sums.seconds / sums.batches
        if self._config.max_minutes is not None:
            seconds = min(seconds, self._config.max_minutes * 60 - state.seconds)
        return max(0.0, seconds)


def _log(figures: Figures) -> None:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name not in ("epoch", "epochs"))
    epoch, epochs = figures["epoch"], figures["epochs"]
    progress.info("epoch %d of %d: %s", epoch, epochs, shown, extra={PROGRESS_ATTRIBUTE: figures})
