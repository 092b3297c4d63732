"""Reports the progress of a training to a logger and to the event files of TensorBoard."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.training.state import Outcome, TrainingState
from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER, SKIPPED_BATCHES

progress = logging.getLogger(PROGRESS_LOGGER)
"""The logger for the progress of a training.

It logs one record at the end of each epoch, and from time to time one record within an epoch. The attribute `progress`
of a record holds its figures. A record within an epoch also has the figure `batch` and, if the number of batches is
known, `batches`. The records about a warm start and a completed training have a message, but no figures.
"""

MIN_SECONDS_BETWEEN_REPORTS = 2.0
"""The minimum time between two reports within an epoch. It is short enough to watch, and keeps log files small."""

Figures = Mapping[str, float]
"""The name and value of each figure."""

_EPOCH_NUMBERS = ("epoch", "epochs")
"""Figures that TensorBoard does not show as curves. The first is the position of all others on the horizontal axis."""


class TrainingReport:
    """Reports the progress of one training. It is a context manager, which closes the event files at the end.

    Args:
      config: The settings of the training.
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
        """Logs the progress within the epoch, unless it was logged less than `MIN_SECONDS_BETWEEN_REPORTS` ago.

        Args:
          state: The state after the update of the weights.
          batches: The number of batches of the epoch; None if it is not known.
        """
        if time.monotonic() - self._reported_at < MIN_SECONDS_BETWEEN_REPORTS:
            return
        self._reported_at = time.monotonic()
        figures: dict[str, float] = self._get_epoch_numbers(state) | {"batch": state.sums.batches}
        if batches is not None:
            figures["batches"] = batches
        figures |= state.sums.compute_figures() | self._count_skipped(state)
        seconds_left = self._estimate_seconds_left(state, batches)
        if seconds_left is not None:
            figures["seconds_left"] = seconds_left
        _log_figures(figures)

    def report_epoch(
        self,
        state: TrainingState,
        best: Outcome,
        metrics: Figures,
        learning_rate: float,
        weights: Iterable[keras.Variable],
    ) -> dict[str, float]:
        """Logs the figures of an epoch that has ended, and writes its figures and weights to the event files.

        Args:
          state: The state after the last update of the epoch.
          best: The best epoch so far, which may be this epoch.
          metrics: The metrics on the eval split.
          learning_rate: The learning rate of the next update.
          weights: The trainable weights of the model.

        Returns:
          The figures of the epoch.
        """
        figures: dict[str, float] = self._get_epoch_numbers(state) | state.sums.compute_figures()
        figures |= self._count_skipped(state)
        figures["learning_rate"] = learning_rate
        figures |= {f"eval_{name}": value for name, value in metrics.items()}
        self.write_scalars(figures)
        with self._writers["train"].as_default(step=state.epoch):
            for weight in weights:
                tf.summary.histogram(weight.path, tf.convert_to_tensor(weight))
        logged = {**figures, "updates": state.sums.updates, "best_epoch": best.epoch}
        # The estimate assumes that the next epochs have as many batches as this epoch.
        seconds_left = self._estimate_seconds_left(state, state.sums.batches)
        if seconds_left is not None:
            logged["seconds_left"] = seconds_left
        _log_figures(logged)
        self._reported_at = time.monotonic()
        return figures

    def write_scalars(self, figures: Figures) -> None:
        """Writes the figures of an epoch to the event files."""
        for name, value in figures.items():
            if name not in _EPOCH_NUMBERS:
                writer = self._writers["eval" if name.startswith("eval_") else "train"]
                with writer.as_default(step=int(figures["epoch"])):
                    tf.summary.scalar(name.removeprefix("eval_"), value)

    def _get_epoch_numbers(self, state: TrainingState) -> dict[str, float]:
        """Returns the number of the current epoch, and the maximum number of epochs."""
        return {"epoch": state.epoch, "epochs": self._config.epochs}

    def _count_skipped(self, state: TrainingState) -> dict[str, float]:
        """Returns the number of batches that were passed over so far, if there are any."""
        return {SKIPPED_BATCHES: state.skipped_batches} if state.skipped_batches else {}

    def _estimate_seconds_left(self, state: TrainingState, batches: int | None) -> float | None:
        """Estimates the remaining time of the training in seconds, if it does not stop early.

        Args:
          state: The current state.
          batches: The number of batches of an epoch; None if it is not known.

        Returns:
          The seconds; None if the number of batches is not known, or no batch of this epoch is done.
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


def _log_figures(figures: Figures) -> None:
    """Logs a line with the figures, and attaches them to the record."""
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name not in _EPOCH_NUMBERS)
    epoch, epochs = figures["epoch"], figures["epochs"]
    progress.info("epoch %d of %d: %s", epoch, epochs, shown, extra={PROGRESS_ATTRIBUTE: figures})
