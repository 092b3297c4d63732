"""Metrics as users write them for `[evaluation] metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from tfx_sequence.components.sequence_evaluator.accumulators import Array, Counts, Figure, MetricAccumulator


class WholeRecords(MetricAccumulator):
    """The share of records in which every label is predicted right, and the share of the others."""

    label_kind = "values"
    figures: ClassVar = {"whole": Figure(more_is_better=True), "broken": Figure(more_is_better=False)}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts a record, and whether all of it is right."""
        labels, predictions = self.read_labels_and_predictions(answers)
        return Counter(records=1, whole=int((labels == predictions).all()))

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides whole records by records."""
        whole = counts["whole"] / counts["records"]
        return {"whole": whole, "broken": 1 - whole}


class SameFigures(WholeRecords):
    """A metric whose figures another one has already."""

    figures: ClassVar = {"accuracy": Figure(more_is_better=True)}


class SpansOnly(WholeRecords):
    """A metric for labels that are tags of spans."""

    label_kind = "spans"


not_a_metric = object()
