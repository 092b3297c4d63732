"""Padded batches of records of like length, under a budget of steps.

::

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    columns = {"tokens": Column("int64"), "labels": Column("int64"), "vector": Column("float32", width=12)}
    batches = SequenceBatches(records, columns, batch_tokens=2048, seed=1)
    for epoch in range(20):
        for batch in batches.epoch(epoch):
            ...  # batch["tokens"] int64 [B, T], batch["vector"] float32 [B, T, 12], batch["lengths"] int64 [B]

Every record is in exactly one batch of each epoch. The batches of an epoch depend on the data, the settings, the seed
and the epoch's number only, so training that stopped in epoch 7 goes on with `epoch(7, start=batches done)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column, Records, check_columns, parse_records
from tfx_sequence.components.sequence_trainer.batches.planning import Ints, chunk_size, plan_batches
from tfx_sequence.schemas.contract import LENGTHS

MEMORY_LIMIT = 1 << 30
"""Parsed records of up to this many bytes are kept in memory; more are read again in each epoch."""

_PARSE_RECORDS = 1024  # In one call: 256 parse at two thirds of the speed, 4,096 no faster.
_STRING_BYTES = 24  # What TensorFlow takes for each string, besides its characters.


class SequenceBatches:
    """The batches of a dataset, one epoch after another.

    Data that fits in `memory_limit` is parsed once and kept, without padding. Other data is read again in each epoch,
    `chunk_size` records at a time; its records then mix only within about two chunks, so its files should be shuffled.

    Attributes:
      in_memory: Whether the data is kept.
      lengths: Steps of each record, int64 `[N]`; of the records up to the limit if the data is not kept.
    """

    def __init__(
        self,
        records: tf.data.Dataset,
        columns: Mapping[str, Column],
        *,
        batch_tokens: int,
        seed: int | None = None,
        boundaries: Sequence[int] = (),
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        """Reads the data, up to the limit.

        Args:
          records: Of serialized SequenceExamples, string scalars, in the same order each time it is iterated.
          columns: Name to how it is stored; at least one of a sequence.
          batch_tokens: The most steps in a batch, padding included; a longer record is a batch of its own.
          seed: Of the shuffle. None, for evaluation, keeps one order: longest first (within chunks, if not in memory).
          boundaries: As from `bucket_boundaries`. If given, a batch holds records of one bucket only.
          memory_limit: Bytes of parsed records to keep at most. Reading needs twice as much for a moment.

        Raises:
          ValueError: if the columns, `batch_tokens` or `boundaries` cannot work, or there are no records.
          tf.errors.InvalidArgumentError: if a record cannot be parsed, see `parse_records`.
        """
        check_columns(columns)
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be at least 1, but is {batch_tokens}")
        if list(boundaries) != sorted(set(boundaries)):
            raise ValueError(f"boundaries must ascend, but are {list(boundaries)}")
        self._records = records
        self._columns = dict(columns)
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._boundaries = tuple(boundaries)
        # Kept data stays on the CPU also where a GPU would be the default.
        with tf.device("CPU:0"):
            parsed, self.in_memory = self._read(memory_limit)
            self.lengths: Ints = parsed.lengths.numpy()
            self._kept = _Padder(parsed) if self.in_memory else None

    def epoch(self, number: int = 0, start: int = 0) -> tf.data.Dataset:
        """The batches of one epoch.

        Args:
          number: Of the epoch; each has an order of its own.
          start: How many batches at its beginning to leave out.

        Returns:
          A dataset of dicts: the columns' names to `[B, T]`, `[B, T, width]`, `[B]` or `[B, width]`, padded with 0 or
          "", and `lengths` to int64 `[B]`. T is the longest length of the batch, or 1 if all are 0. A nested column is
          `[B, T, C]`, with the number of values in each step, int64 `[B, T]`, under `counts_key` of its name.
        """
        with tf.device("CPU:0"):
            if self._kept is not None:
                return _batches(self._kept, *self._plan(self.lengths, number, 0), start).prefetch(4)
            return self._streamed(number).skip(start).prefetch(4)

    def size(self, number: int = 0) -> int | None:
        """The number of batches of one epoch; None if the data is not kept, for then only reading it would tell."""
        return len(self._plan(self.lengths, number, 0)[1]) - 1 if self.in_memory else None

    def records(self, number: int, index: int) -> Ints:
        """Which records are in a batch of an epoch, counted from 0 as they are read, int64 `[B]`.

        For telling what went wrong: data that is not kept is read up to there again.
        """
        with tf.device("CPU:0"):
            if self.in_memory:
                order, ends = self._plan(self.lengths, number, 0)
                return order[ends[index] : ends[index + 1]]
            for chunk, (positions, serialized) in self._chunks(number):
                order, ends = self._plan(self._parse(serialized).lengths.numpy(), number, int(chunk))
                if index < len(ends) - 1:
                    return positions.numpy()[order[ends[index] : ends[index + 1]]]
                index -= len(ends) - 1
            raise IndexError(f"epoch {number} has {index} batches fewer than the one that was asked for")

    def serialized(self, records: Ints) -> list[bytes]:
        """These records as they were read; their own order is kept."""
        wanted = set(records.tolist())
        found = {int(at): record.numpy() for at, record in self._records.enumerate() if int(at) in wanted}
        return [found[at] for at in records.tolist()]

    def _read(self, memory_limit: int) -> tuple[Records, bool]:
        chunks: list[Records] = []
        size = 0
        dataset = self._records.batch(_PARSE_RECORDS).map(self._parse, num_parallel_calls=2).prefetch(2)
        for chunk in dataset:
            chunks.append(chunk)
            size += sum(_bytes(tensor) for tensor in tf.nest.flatten(chunk))
            if size > memory_limit:
                break
        if not chunks:
            raise ValueError("there are no records to make batches of; check the file pattern and the split's name")
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *chunks), size <= memory_limit

    def _chunks(self, number: int) -> tf.data.Dataset:
        """The records of an epoch in the order that batches are made of: (chunk, (positions `[N]`, records `[N]`))."""
        size = chunk_size(self.lengths, self._batch_tokens)
        records = self._records.enumerate()
        if self._seed is not None:
            seed = int(np.random.SeedSequence((self._seed, number)).generate_state(1)[0])
            records = records.shuffle(size, seed=seed, reshuffle_each_iteration=False)
        return records.batch(size).enumerate()

    def _streamed(self, number: int) -> tf.data.Dataset:
        def parsed(index: tf.Tensor, chunk: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, Records]:
            return index, self._parse(chunk[1])

        def batches(index: tf.Tensor, chunk: Records) -> tf.data.Dataset:
            order, ends = tf.numpy_function(self._plan, [chunk.lengths, number, index], [tf.int64, tf.int64])
            return _batches(_Padder(chunk), tf.ensure_shape(order, [None]), tf.ensure_shape(ends, [None]))

        return self._chunks(number).map(parsed, num_parallel_calls=2).flat_map(batches)

    def _parse(self, serialized: tf.Tensor) -> Records:
        return parse_records(serialized, self._columns)

    def _plan(self, lengths: Ints, number: int, chunk: int) -> tuple[Ints, Ints]:
        """The records of all batches, one batch after another, `[N]`, and where each begins and the last ends."""
        generator = None if self._seed is None else np.random.default_rng((self._seed, int(number), int(chunk)))
        batches = plan_batches(lengths, self._batch_tokens, generator=generator, boundaries=self._boundaries)
        return np.concatenate(batches), np.cumsum([0, *map(len, batches)], dtype=np.int64)


class _Padder:
    """Makes a batch of some of the records: one gather for each column."""

    def __init__(self, records: Records) -> None:
        self._context = records.context
        self._lengths = records.lengths
        self._starts = tf.cumsum(records.lengths, exclusive=True)
        # One step more, of padding, which every padded place of a batch points at.
        self._steps = {name: tf.concat([values, _padding(values)], 0) for name, values in records.steps.items()}
        self._padding = tf.reduce_sum(records.lengths)

    def __call__(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """The batch of the records of these indices, int64 `[B]`."""
        lengths = tf.gather(self._lengths, rows)
        position = tf.range(tf.maximum(tf.reduce_max(lengths), 1))
        step = tf.gather(self._starts, rows)[:, None] + position
        step = tf.where(position < lengths[:, None], step, self._padding)  # [B, T]
        batch = {name: tf.gather(values, rows) for name, values in self._context.items()}
        for name, values in self._steps.items():
            gathered = tf.gather(values, step)
            batch |= nested_batch(name, gathered) if isinstance(gathered, tf.RaggedTensor) else {name: gathered}
        return batch | {LENGTHS: lengths}


def nested_batch(name: str, steps: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    """A nested column's part of a batch from `[B, (T), (C)]`: padded, to at least one step of one value, and counts."""
    values, counts = steps.to_tensor(), steps.row_lengths(axis=2).to_tensor()
    missing = tf.maximum(1 - tf.shape(values)[1:], 0)
    return {
        name: tf.pad(values, [[0, 0], [0, missing[0]], [0, missing[1]]]),
        counts_key(name): tf.pad(counts, [[0, 0], [0, missing[0]]]),
    }


def _padding(values: tf.Tensor) -> tf.Tensor:
    """One step of padding for steps `[S, ...]`."""
    if isinstance(values, tf.RaggedTensor):
        return tf.RaggedTensor.from_row_lengths(tf.zeros([0], values.dtype), tf.zeros([1], tf.int64))
    return tf.zeros([1, *values.shape[1:]], values.dtype)


def _batches(padder: _Padder, order: tf.Tensor | Ints, ends: tf.Tensor | Ints, start: int = 0) -> tf.data.Dataset:
    order, ends = tf.convert_to_tensor(order), tf.convert_to_tensor(ends)
    count = tf.size(ends, out_type=tf.int64) - 1
    return tf.data.Dataset.range(start, count).map(lambda index: padder(order[ends[index] : ends[index + 1]]))


def _bytes(tensor: tf.Tensor) -> int:
    if isinstance(tensor, tf.RaggedTensor):
        return _bytes(tensor.values) + _bytes(tensor.row_splits)
    if tensor.dtype == tf.string:
        return int(tf.reduce_sum(tf.strings.length(tensor))) + _STRING_BYTES * int(tf.size(tensor))
    return int(tf.size(tensor)) * tensor.dtype.size
