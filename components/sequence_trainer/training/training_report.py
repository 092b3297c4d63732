"""Tells how training goes: to whoever listens, and to TensorBoard."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.training.state import TrainingState
from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER

progress = logging.getLogger(PROGRESS_LOGGER)
"""Records whose attribute `progress` holds figures: one after each epoch, and now and then one within an epoch, which
has `batch` and, if their number is known, `batches`. And one, in words alone, of what a warm start took."""

_EVERY_SECONDS = 2.0

Figures = Mapping[str, float]


class TrainingReport:
    """Of one training."""

    def __init__(self, config: TrainingConfig, log_dir: str) -> None:
        """Opens the event files `<log_dir>/tensorboard/train` and `.../eval`."""
        self._config = config
        self._told = time.monotonic()
        self._writers = {
            name: tf.summary.create_file_writer(os.path.join(log_dir, "tensorboard", name))
            for name in ("train", "eval")
        }

    def batch(self, standing: TrainingState, batches: int | None) -> None:
        """Tells where the epoch stands, if it has not done so lately; `batches` is its size, if known."""
        if time.monotonic() - self._told < _EVERY_SECONDS:
            return
        self._told = time.monotonic()
        figures: dict[str, float] = {"epoch": standing.epoch, "epochs": self._config.epochs}
        figures["batch"] = standing.sums.batches
        if batches is not None:
            figures["batches"] = batches
        figures |= standing.sums.figures()
        left = self._seconds_left(standing, batches)
        if left is not None:
            figures["seconds_left"] = left
        _tell(figures)

    def epoch(
        self, standing: TrainingState, metrics: Figures, model: keras.Model, rate: float, batches: int
    ) -> Figures:
        """Tells of an epoch that has ended. Returns its figures."""
        figures: dict[str, float] = {"epoch": standing.epoch, "epochs": self._config.epochs}
        figures |= standing.sums.figures() | {"learning_rate": rate}
        figures |= {f"eval_{name}": value for name, value in metrics.items()}
        self.scalars(figures)
        with self._writers["train"].as_default(step=standing.epoch):
            for variable in model.trainable_variables:
                tf.summary.histogram(variable.path, tf.convert_to_tensor(variable))
        assert standing.best is not None  # This epoch, if there was none before.
        told = {**figures, "best_epoch": standing.best.epoch}
        left = self._seconds_left(standing, batches)
        _tell(told if left is None else {**told, "seconds_left": left})
        self._told = time.monotonic()
        return figures

    def scalars(self, figures: Figures) -> None:
        """Writes the figures of an epoch to TensorBoard."""
        for name, value in figures.items():
            if name not in ("epoch", "epochs"):
                writer = self._writers["eval" if name.startswith("eval_") else "train"]
                with writer.as_default(step=int(figures["epoch"])):
                    tf.summary.scalar(name.removeprefix("eval_"), value)

    def close(self) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            writer.close()

    def _seconds_left(self, standing: TrainingState, batches: int | None) -> float | None:
        """How long all epochs, or the step or minute that is the last, will take; patience may end it sooner."""
        done = standing.sums
        if batches is None or not done.batches:
            return None
        left = float((self._config.epochs - standing.epoch + 1) * batches - done.batches)
        if self._config.max_steps is not None and done.updates:
            left = min(left, (self._config.max_steps - standing.step) * done.batches / done.updates)
        seconds = left * done.seconds / done.batches
        if self._config.max_minutes is not None:
            seconds = min(seconds, self._config.max_minutes * 60 - standing.seconds)
        return max(0.0, seconds)


def _tell(figures: Figures) -> None:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name not in ("epoch", "epochs"))
    parts: tuple[Any, ...] = (figures["epoch"], figures["epochs"], shown)
    progress.info("epoch %d of %d: %s", *parts, extra={PROGRESS_ATTRIBUTE: figures})
