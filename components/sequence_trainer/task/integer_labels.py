"""Decides whether labels that are integers are categories, if nothing states their kind.

Class numbers and amounts are both integers. A spec or a schema with roles says which of them a label is. A schema of
stock SchemaGen, or of SequenceSchemaGen without a spec, does not say it, so the values of the train split decide.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.ids import ListedIds
from tfx_sequence.components.sequence_trainer.batches.parsing import Column, parse_records
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.task.transformed import map_raw_protos
from tfx_sequence.schemas.tfmd.feature import states_kind

MAX_CLASSES = 20
"""The maximum number of distinct integers of a label that is a category without a stated kind. Scales of answers and
numbers of classes have seldom more values, but ages, counts and amounts have."""

_CHUNK_RECORDS = 1000
"""The number of records that are parsed in one call, so that the cost of a call is small."""

_logger = logging.getLogger(__name__)


def decide_integer_labels(
    task: SequenceTask, transform_output: tft.TFTransformOutput, train_files: Sequence[str]
) -> SequenceTask:
    """Returns the task in which labels of few distinct integers are categories, unless their kind is stated.

    The log says for each label without a stated kind what it became.

    Args:
      task: The task, in which all labels of integers are numbers.
      transform_output: The transform graph.
      train_files: GZIP files of TFRecords, whose values are counted.
    """
    protos = map_raw_protos(transform_output.raw_metadata.schema)
    labels = []
    columns = dict(task.columns)
    for label in task.labels:
        column = columns[label.name]
        is_integer = not label.classes and tf.as_dtype(column.dtype).is_integer and column.width is None
        is_stated = label.name in protos and states_kind(protos[label.name])
        if is_integer and not is_stated:
            values = _list_distinct_values(label.name, columns, train_files)
            _log_decision(label.name, values)
            if values is not None:
                label = dataclasses.replace(label, classes=tuple(str(value).encode() for value in values))
                columns[label.name] = column._replace(ids=ListedIds(values))
        labels.append(label)
    return dataclasses.replace(task, labels=tuple(labels), columns=columns)


def _log_decision(name: str, values: tuple[int, ...] | None) -> None:
    """Logs a warning that says whether the label is a category or a number, and how to state its kind."""
    if values is None:
        decision = f"it has more than {MAX_CLASSES} distinct integers, so it is a number and its head a regression"
        remedy = "if the integers are classes, read them with kind = 'categorical'"
    else:
        decision = f"it has {len(values)} distinct integers ({', '.join(map(str, values))}), so they are its classes"
        remedy = "if they are amounts, say so in the spec of SequenceSchemaGen: kind = 'integer', role = 'label'"
    _logger.warning("the kind of the label %r is not stated: %s; %s", name, decision, remedy)


def _list_distinct_values(name: str, columns: dict[str, Column], files: Sequence[str]) -> tuple[int, ...] | None:
    """Returns the distinct values of a label, sorted; None if there are none, or more than `MAX_CLASSES`."""
    # Records are parsed by the lengths of a sequence. If the label is not one, another column is read with it.
    sequence_name = name if not columns[name].context else next(key for key, col in columns.items() if not col.context)
    parsed_columns = {key: columns[key] for key in dict.fromkeys([name, sequence_name])}
    values: set[int] = set()
    for chunk in tf.data.TFRecordDataset(list(files), compression_type="GZIP").batch(_CHUNK_RECORDS):
        records = parse_records(chunk, parsed_columns)
        parsed = records.context if columns[name].context else records.steps
        values.update(parsed[name].numpy().tolist())
        if len(values) > MAX_CLASSES:
            return None
    return tuple(sorted(values)) or None
