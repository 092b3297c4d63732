"""A package of somebody else's: a reader, a rule, a cell, a head and a metric, written with public names alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import pyarrow.compute as pc
import tensorflow as tf

from tfx_sequence.components.sequence_evaluator import Counts, Figure, MetricAccumulator
from tfx_sequence.components.sequence_example_gen import Item, Reader, Source
from tfx_sequence.components.sequence_trainer import (
    Cell,
    HeadConfig,
    HeadContext,
    Label,
    LossParts,
    RegressionHead,
    regression_loss,
)
from tfx_sequence.schemas import ArrowColumn, CheckedFeature, Finding, SequenceSpec, ValueRule


class SlashedReader(Reader):
    """Reads a sequence a line, a step as `word/tag`, and the length of each word as a number."""

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._separator = options.get("separator", "/")

    def read(self, source: Source) -> Iterator[Item]:
        for number, line in source.lines():
            steps = [step.rpartition(self._separator) for step in line.split()]
            words = [word for word, _, _ in steps]
            sizes = [float(len(word)) for word in words]
            yield number, {"words": words, "tags": [tag for _, _, tag in steps], "sizes": sizes}


class TooManyUrls(ValueRule):
    """A record has at most one URL among its tokens."""

    reason = "too_many_urls"

    def applies_to(self, feature: CheckedFeature) -> bool:
        return feature.spec.kind == "token"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        is_url = pc.starts_with(column.values, pattern="http").to_numpy(zero_copy_only=False)
        record_of_url = column.record_of_step[column.step_of_value[is_url]]
        urls = np.bincount(record_of_url, minlength=len(column.lengths))
        records = np.flatnonzero(urls > 1)
        yield Finding(self.reason, feature.name, records, lambda k: f"`{feature.name}` has {urls[records[k]]} URLs")


@keras.saving.register_keras_serializable("sequence_extras")
class LeakyCell(Cell):
    """A simple recurrent network whose state leaks: `h' = (1 - leak) * h + leak * tanh(x W + h U)`."""

    def __init__(self, units: int, leak: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.leak = units, leak
        self.state_size, self.output_size = [units], units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), name="recurrent_kernel")

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return tf.matmul(inputs, self.kernel)

    def step(
        self, projected: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        (h,) = states
        h = (1 - self.leak) * h + self.leak * tf.tanh(projected + tf.matmul(h, self.recurrent_kernel))
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "leak": self.leak}


class CappedErrorHead(RegressionHead):
    """Predicts numbers. An error above `options = { cap = ... }` counts as the cap."""

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext) -> None:
        super().__init__(label, config, context)
        self.cap = float(config.options["cap"])

    def compute_raw_loss(self, outputs: tf.Tensor, batch: Mapping[str, tf.Tensor], reduction: Any) -> LossParts:
        predictions, targets, lengths = self.convert_to_steps(outputs, batch)
        capped = targets + tf.clip_by_value(predictions - targets, -self.cap, self.cap)
        return regression_loss(capped, targets, lengths, reduction=reduction)


class WholeRecords(MetricAccumulator):
    """The share of records in which every label is predicted right."""

    label_kind = "values"
    figures: ClassVar = {"whole": Figure(more_is_better=True)}

    def count(self, answers: Mapping[str, Any]) -> Counts:
        labels, predictions = self.read_labels_and_predictions(answers)
        return Counter(records=1, whole=int((labels == predictions).all()))

    def compute(self, counts: Counts) -> dict[str, float]:
        return {"whole": counts["whole"] / counts["records"]}
