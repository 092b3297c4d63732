"""What is measured of a model, by name. TensorFlow is not needed here, so a config is checked before it is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tfx_sequence.components.sequence_evaluator import accumulators as tallies
from tfx_sequence.components.sequence_evaluator.thresholds import Threshold
from tfx_sequence.schemas.spec import Feature, SequenceSpec

LENGTH_BUCKET = "length_bucket"
"""The feature that says how long a record is: `0`, `1`, `2`, `3-4`, `5-8`, `9-16`, ..."""


class Measure(NamedTuple):
    """What is counted of one label.

    Attributes:
      kind: What counts it.
      arguments: What that is made with.
      values: The names of its values.
      of_each: The names, without what comes after their `/`, of its values for each value of the label.
    """

    kind: type[tallies.MetricAccumulator]
    arguments: dict[str, Any]
    values: list[str]
    of_each: list[str]

    def has(self, value: str) -> bool:
        """Whether a value of this name is one of the measure's."""
        name, slash, _ = value.partition("/")
        return name in (self.of_each if slash else self.values)


def measures(spec: SequenceSpec, by_label: bool = False) -> list[Measure]:
    """What is measured of the labels of a spec.

    Args:
      spec: What the records are.
      by_label: Also each value of a label and each type of spans.
    """
    labels = spec.with_role("label").items()
    return [measure for label, feature in labels for measure in _measures_of(label, feature, by_label)]


def bounds_of(
    measured: Iterable[Measure], min_accuracy: float | None, thresholds: Mapping[str, Threshold]
) -> dict[str, Threshold]:
    """Name of a value to its threshold, the least accuracy of all labels of values among them."""
    bounds = dict(thresholds)
    if min_accuracy is not None:
        for name in [name for measure in measured for name in measure.values if name.endswith("_accuracy")]:
            given = bounds.get(name, Threshold())
            least = min_accuracy if given.at_least is None else max(min_accuracy, given.at_least)
            bounds[name] = given.model_copy(update={"at_least": least})
    return bounds


def wrong_thresholds(measured: Iterable[Measure], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name that no measure has a value of, and what is wrong with it."""
    for name in names:
        if not any(measure.has(name) for measure in measured):
            known = [value for measure in measured for value in measure.values]
            known += [f"{value}/..." for measure in measured for value in measure.of_each]
            yield name, f"there is a threshold of {name!r}, but the metrics are {', '.join(known)}"


def wrong_slices(spec: SequenceSpec, slices: Iterable[str | Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Each name that records cannot be sliced by, and what is wrong with it."""
    for name in (name for given in slices for name in ([given] if isinstance(given, str) else given)):
        if name != LENGTH_BUCKET and name not in spec.context:
            known = ", ".join([*spec.context, LENGTH_BUCKET])
            yield name, f"there is a slice by {name!r}, but records can be sliced by {known}"


def _measures_of(label: str, feature: Feature, by_label: bool) -> Iterator[Measure]:
    steps = {"per_step": not feature.context}
    if feature.dtype != "string":
        yield _measure(tallies.NumberTally, label, **steps, width=feature.width or 1)
        return
    yield _measure(tallies.AccuracyTally, label, **steps)
    yield _measure(tallies.CrossEntropyTally, label, **steps)
    yield _measure(tallies.LabelTally, label, **steps, by_label=by_label)
    if feature.spans:
        yield _measure(tallies.SpanTally, label, by_label=by_label)


def _measure(kind: Any, label: str, **options: Any) -> Measure:
    tally = kind(label, **options)
    return Measure(kind, {"label": label, **options}, tally.names, tally.names_of_each)
