"""Finds what a person should know about a run that succeeded: anomalies of the data, and signs of a model that is poor.

The warnings about the data are made from artifacts, so they are the same if a component was reused. Those about the
training are made from its last epoch, so there are none if its model was reused.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.runs.progress import TrainingProgress, format_number
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.rejects import clip

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult

_MIN_UPDATES = 10
"""The minimum number of updates in an epoch. With fewer, the default of 20 epochs makes less than 200 small steps."""

_BEST_AT_ONE = ("accuracy", "f1", "precision", "recall")
"""The ends of the names of metrics that cannot be better than 1."""


@dataclasses.dataclass(frozen=True)
class RunWarning:
    """Something that did not end the run, but should be known.

    Attributes:
      text: What was found.
      count: How often it was found: the number of splits with the anomaly, or of records. 1 if it cannot be counted.
      see: Where to read more: a page of the documentation, and a folder if there is one.
    """

    text: str
    count: int
    see: str


def find_warnings(config: Config, result: RunResult, metrics: Mapping[str, float]) -> list[RunWarning]:
    """Returns the warnings of a run, each of them once.

    Args:
      config: The config of the run.
      result: The outcome of the run.
      metrics: Metric name to value, as the evaluation has measured it.
    """
    return [
        *_find_rejects(result),
        *_find_anomalies(result),
        *_find_open_sets(config, result),
        *_find_constant_inputs(config, result),
        *_find_few_updates(config, result.epoch),
        *_find_last_epoch(config, result.epoch),
        *_find_useless_labels(config, result, metrics),
    ]


def _find_rejects(result: RunResult) -> Iterator[RunWarning]:
    """Yields a warning if records were rejected in reading, but not so many that the run failed."""
    for artifact in result.list_outputs_of_type("Examples"):
        count = int(artifact.properties.get(contract.RECORDS_REJECTED, 0))
        if count:
            num_read = int(artifact.properties.get(contract.RECORDS_READ, 0))
            folder = os.path.join(artifact.uri, contract.REJECTS)
            yield RunWarning(f"{count:,} of {num_read:,} records were rejected", count, f"{folder}, docs/reading.md")


def _find_anomalies(result: RunResult) -> Iterator[RunWarning]:
    """Yields a warning for each anomaly that the validator found without ending the run."""
    artifacts = result.list_outputs_of_type("ExampleAnomalies")
    if not artifacts:
        return
    from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies

    from tfx_sequence.components.compat.artifacts import ANOMALIES_FILE
    from tfx_sequence.components.sequence_example_validator.verdict import list_places

    for artifact in artifacts:
        descriptions: dict[tuple[str, str], dict[str, str]] = {}
        for split, content in _read_splits(artifact.uri, ANOMALIES_FILE):
            for place, info in list_places(Anomalies.FromString(content)):
                found = descriptions.setdefault((place, info.short_description), {})
                found[split] = info.description or info.short_description
        for (place, _), found in descriptions.items():
            splits = ", ".join(found)
            text = f"{place} ({splits}): {clip(next(iter(found.values())))}"
            yield RunWarning(text, len(found), f"{artifact.uri}, docs/validation.md")


def _find_open_sets(config: Config, result: RunResult) -> Iterator[RunWarning]:
    """Yields a warning for each categorical feature that has too many values for the schema to list."""
    artifacts = result.list_outputs_of_type("Schema")
    if not artifacts:
        return
    from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema, read_domain

    # The first schema is that of the data as it was read. The transform writes another one.
    path = os.path.join(artifacts[0].uri, contract.SCHEMA_FILE)
    with open(path, "rb") as file:
        schema = parse_schema(file.read(), path)
    for proto in list_feature_protos(schema):
        feature = config.features.get(proto.name)
        is_closed = feature is not None and feature.kind == "categorical" and proto.name not in config.open_features
        if is_closed and read_domain(schema, proto) is None:
            yield RunWarning(
                f"{proto.name!r} has more values than the schema lists, so the validator looks for no unseen ones",
                1,
                "docs/validation.md",
            )


def _find_constant_inputs(config: Config, result: RunResult) -> Iterator[RunWarning]:
    """Yields a warning for each input that has the same value everywhere in train, so that nothing follows from it."""
    inputs = config.spec.with_role("input")
    for name, feature in _read_statistics(result, "train"):
        if name in inputs and _has_one_value(feature):
            yield RunWarning(
                f"the input {name!r} has one value in all of train, so the model cannot learn from it",
                1,
                "docs/validation.md",
            )


def _find_few_updates(config: Config, epoch: TrainingProgress | None) -> Iterator[RunWarning]:
    """Yields a warning if an epoch changes the weights only a few times."""
    updates = (epoch or {}).get("updates")
    is_limited = config.training.max_steps is not None and config.training.max_steps < _MIN_UPDATES
    if updates is not None and updates < _MIN_UPDATES and not is_limited:
        yield RunWarning(
            f"an epoch had {updates:.0f} {'update' if updates == 1 else 'updates'} of the weights, so training hardly "
            'moved: cut long records with `max_length` and `on_long = "split"` in [data], or set a smaller '
            "`batch_tokens` in [training]",
            1,
            "docs/training.md",
        )


def _find_last_epoch(config: Config, epoch: TrainingProgress | None) -> Iterator[RunWarning]:
    """Yields a warning if training ended while the model was still getting better."""
    if not epoch or _is_perfect(config, epoch):
        return
    is_last_epoch = epoch["epoch"] == epoch.get("epochs")
    is_best_epoch = epoch["epoch"] == epoch.get("best_epoch")
    if is_last_epoch and is_best_epoch:
        yield RunWarning(
            f"the last of {epoch['epochs']} epochs was the best: more `epochs` in [training], or a smaller "
            "`batch_tokens`, may do better",
            1,
            "docs/training.md",
        )


def _is_perfect(config: Config, epoch: TrainingProgress) -> bool:
    """Returns whether the monitored metric, or else the accuracy of each label, is shown as 1.0000."""
    monitor = config.training.monitor
    names = [f"eval_{monitor}"] if monitor else [name for name in epoch if name.endswith("_accuracy")]
    values = [epoch[name] for name in names if name in epoch and name.endswith(_BEST_AT_ONE)]
    return bool(values) and all(format_number(value) == format_number(1.0) for value in values)


def _find_useless_labels(config: Config, result: RunResult, metrics: Mapping[str, float]) -> Iterator[RunWarning]:
    """Yields a warning for each label that is predicted no better than by always giving its most frequent value."""
    labels = {name: label for name, label in config.spec.with_role("label").items() if label.dtype == "string"}
    counts: dict[str, Counter[str]] = {name: Counter() for name in labels}
    totals: Counter[str] = Counter()
    for split in config.evaluation.splits:
        for name, feature in _read_statistics(result, split):
            if name in labels:
                counts[name].update({top.value: int(top.frequency) for top in feature.string_stats.top_values})
                totals[name] += int(feature.string_stats.common_stats.tot_num_values)
    for name in labels:
        accuracy = metrics.get(f"{name}_accuracy")
        if accuracy is None or not totals[name] or not counts[name]:
            continue
        ((value, frequency),) = counts[name].most_common(1)
        share = frequency / totals[name]
        if accuracy <= share:
            yield RunWarning(
                f"{name}_accuracy is {format_number(accuracy)}, no better than always answering {value!r}, which is "
                f"right in {format_number(share)} of the cases",
                1,
                "docs/evaluation.md",
            )


def _read_statistics(result: RunResult, split: str) -> Iterator[tuple[str, Any]]:
    """Yields the name and TFDV's statistics of each feature of a split. Yields nothing if there are no statistics."""
    artifacts = result.list_outputs_of_type("ExampleStatistics")
    if not artifacts:
        return
    from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

    from tfx_sequence.components.compat.artifacts import STATISTICS_FILE

    # The first ones are those of the data as it was read. Stock Transform may write statistics of what it makes.
    for found_split, content in _read_splits(artifacts[0].uri, STATISTICS_FILE):
        if found_split == split:
            for dataset in DatasetFeatureStatisticsList.FromString(content).datasets:
                yield from ((feature.path.step[-1], feature) for feature in dataset.features if feature.path.step)


def _has_one_value(feature: Any) -> bool:
    """Returns whether all values of a feature are the same, and there are several."""
    from tfx_sequence.components.sequence_example_validator.examination.number_reports import count_missing

    if feature.HasField("string_stats"):
        strings = feature.string_stats
        return bool(strings.unique == 1 and strings.common_stats.tot_num_values > 1)
    numbers = feature.num_stats
    num_values = numbers.common_stats.tot_num_values
    return bool(num_values > 1 and numbers.min == numbers.max and not count_missing(numbers))


def _read_splits(uri: str, file_name: str) -> Iterator[tuple[str, bytes]]:
    """Yields the name of each split of an artifact, and the content of its file with the given name."""
    for folder in sorted(os.listdir(uri)):
        path = os.path.join(uri, folder, file_name)
        if folder.startswith(contract.SPLIT_PREFIX) and os.path.isfile(path):
            with open(path, "rb") as file:
                yield folder.removeprefix(contract.SPLIT_PREFIX), file.read()
