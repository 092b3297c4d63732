"""Padded batches of records of like length, under a budget of steps.

::

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    columns = {"tokens": Column("int64"), "labels": Column("int64"), "vector": Column("float32", width=12)}
    batches = SequenceBatches(records, columns, batch_tokens=2048, seed=1)
    for epoch in range(20):
        for batch in batches.epoch(epoch):
            ...  # batch["tokens"] int64 [B, T], batch["vector"] float32 [B, T, 12], batch["lengths"] int64 [B]

Every record is in exactly one batch of each epoch. The batches of an epoch depend only on the data, the settings, the
seed and the epoch's number, so training that stopped in epoch 7 goes on with `epoch(7, start=batches done)`.

Parsed records are kept without padding, their steps laid end to end. A batch gathers its steps from there::

    record      0          1   2
    lengths     3          1   2
    starts      0          3   4
    steps       a  b  c    d   e  f   0       one more step at the end, index 6: padding
    index       0  1  2    3   4  5   6

    the batch of the records 0 and 2, T = 3
    index       0  1  2       a  b  c
                4  5  6  ->   e  f  0
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

_PARSE_RECORDS = 1024
"""Records that are parsed in one call: 256 parse at two thirds of the speed, 4,096 no faster."""

_PREFETCHED = 4
"""Batches that are made ahead of the step that takes them."""

_STRING_BYTES = 24
"""The bytes that TensorFlow takes for each string, besides its characters."""


class SequenceBatches:
    """The batches of a dataset, one epoch after another.

    Data that fits in `memory_limit` is parsed once and kept, without padding. Other data is read again in each epoch,
    `chunk_size` records at a time. Its records then mix only within about two chunks, so its files should be shuffled.

    Args:
      records: Serialized SequenceExamples, string scalars, in the same order each time the dataset is iterated.
      columns: Name to how the feature is stored; at least one of a sequence.
      batch_tokens: The most steps in a batch, padding included; a longer record is a batch of its own.
      seed: Seed of the shuffle. None, for evaluation, keeps one order: longest first (within chunks, if not in memory).
      boundaries: As from `bucket_boundaries`. If given, a batch holds records of one bucket only.
      memory_limit: Bytes of parsed records to keep at most. Reading needs twice as much for a moment.

    Attributes:
      in_memory: Whether the data is kept.
      lengths: Steps of each record, int64 `[N]`; of the records up to the limit if the data is not kept.

    Raises:
      ValueError: if the columns, `batch_tokens` or `boundaries` cannot work, or there are no records.
      tf.errors.InvalidArgumentError: if a record cannot be parsed, see `parse_records`.
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
            parsed, self.in_memory = self._read_records(memory_limit)
            self.lengths: Ints = parsed.lengths.numpy()
            self._kept = _Padder(parsed) if self.in_memory else None

    def epoch(self, number: int = 0, start: int = 0) -> tf.data.Dataset:
        """Makes the batches of one epoch.

        Args:
          number: The epoch's number; each epoch has an order of its own.
          start: How many batches at its beginning to leave out.

        Returns:
          A dataset of batches, as `batch.py` draws them: the columns' names to `[B, T]`, `[B, T, width]`, `[B]` or
          `[B, width]`, padded with 0 or "", and `lengths` to int64 `[B]`. T is the longest length of the batch, or 1 if
          all are 0. A nested column is `[B, T, C]`, with the number of values in each step, int64 `[B, T]`, under
          `counts_key` of its name.
        """
        with tf.device("CPU:0"):
            if self._kept is None:
                return self._stream_batches(number).skip(start).prefetch(_PREFETCHED)
            order, ends = self._plan(self.lengths, number, 0)
            return _make_batches(self._kept, order, ends, start).prefetch(_PREFETCHED)

    def size(self, number: int = 0) -> int | None:
        """Returns the number of batches of one epoch; None if the data is not kept: only reading it would tell."""
        return len(self._plan(self.lengths, number, 0)[1]) - 1 if self.in_memory else None

    def records(self, number: int, index: int) -> Ints:
        """Finds the records of one batch, to tell what went wrong in it. Data that is not kept is read up to there.

        Args:
          number: The epoch's number.
          index: The batch's position in the epoch, from 0.

        Returns:
          The positions of the records among all, in the order in which they are read, int64 `[B]`.

        Raises:
          IndexError: if the epoch has fewer batches.
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
        """Reads the records at these positions, and returns them as they were read, in the order asked for."""
        wanted = set(records.tolist())
        by_position = {int(at): record.numpy() for at, record in self._records.enumerate() if int(at) in wanted}
        return [by_position[at] for at in records.tolist()]

    def _read_records(self, memory_limit: int) -> tuple[Records, bool]:
        """Reads records until the limit is passed, and returns them, and whether they are all."""
        chunks: list[Records] = []
        size = 0
        dataset = self._records.batch(_PARSE_RECORDS).map(self._parse, num_parallel_calls=2).prefetch(2)
        for chunk in dataset:
            chunks.append(chunk)
            size += sum(_count_bytes(tensor) for tensor in tf.nest.flatten(chunk))
            if size > memory_limit:
                break
        if not chunks:
            raise ValueError("there are no records to make batches of; check the file pattern and the split's name")
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *chunks), size <= memory_limit

    def _chunks(self, number: int) -> tf.data.Dataset:
        """Reads an epoch's records in chunks, shuffled: (chunk's number, (positions `[N]`, serialized `[N]`))."""
        size = chunk_size(self.lengths, self._batch_tokens)
        records = self._records.enumerate()
        if self._seed is not None:
            seed = int(np.random.SeedSequence((self._seed, number)).generate_state(1)[0])
            records = records.shuffle(size, seed=seed, reshuffle_each_iteration=False)
        return records.batch(size).enumerate()

    def _stream_batches(self, number: int) -> tf.data.Dataset:
        """Makes the batches of an epoch chunk by chunk, while the data is read."""

        def parse_chunk(chunk: tf.Tensor, records: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, Records]:
            _, serialized = records
            return chunk, self._parse(serialized)

        def make_batches(chunk: tf.Tensor, records: Records) -> tf.data.Dataset:
            order, ends = tf.numpy_function(self._plan, [records.lengths, number, chunk], [tf.int64, tf.int64])
            return _make_batches(_Padder(records), tf.ensure_shape(order, [None]), tf.ensure_shape(ends, [None]))

        return self._chunks(number).map(parse_chunk, num_parallel_calls=2).flat_map(make_batches)

    def _parse(self, serialized: tf.Tensor) -> Records:
        return parse_records(serialized, self._columns)

    def _plan(self, lengths: Ints, number: int, chunk: int) -> tuple[Ints, Ints]:
        """Plans the batches of a chunk.

        Returns:
          The records of all batches, one batch after another, `[N]`, and where each batch begins and the last one ends.
        """
        generator = None if self._seed is None else np.random.default_rng((self._seed, int(number), int(chunk)))
        batches = plan_batches(lengths, self._batch_tokens, generator=generator, boundaries=self._boundaries)
        return np.concatenate(batches), np.cumsum([0, *map(len, batches)], dtype=np.int64)


class _Padder:
    """Makes padded batches of some of the records: one gather for each column, as drawn at the top."""

    def __init__(self, records: Records) -> None:
        self._context = records.context
        self._lengths = records.lengths
        self._starts = tf.cumsum(records.lengths, exclusive=True)
        self._steps = {name: tf.concat([values, _padding_step(values)], 0) for name, values in records.steps.items()}
        self._padding_index = tf.reduce_sum(records.lengths)

    def __call__(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Makes the batch of the records of these indices, int64 `[B]`."""
        lengths = tf.gather(self._lengths, rows)
        position = tf.range(tf.maximum(tf.reduce_max(lengths), 1))
        index = tf.gather(self._starts, rows)[:, None] + position
        index = tf.where(position < lengths[:, None], index, self._padding_index)  # [B, T]
        batch = {name: tf.gather(values, rows) for name, values in self._context.items()}
        for name, values in self._steps.items():
            steps = tf.gather(values, index)
            batch |= nested_batch(name, steps) if isinstance(steps, tf.RaggedTensor) else {name: steps}
        return batch | {LENGTHS: lengths}


def nested_batch(name: str, steps: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    """Pads a nested column, and counts the values of its steps.

    ::

        steps       [[a, b], [], [c]]       values    a b   - -   c -      counts   2 0 1
                    [[d]]                             d -   - -   - -               1 0 0

    Args:
      name: The column's name.
      steps: Ragged `[B, (T), (C)]`.

    Returns:
      The column's part of a batch: values `[B, T, C]`, with T and C at least 1, and their counts, int64 `[B, T]`.
    """
    values, counts = steps.to_tensor(), steps.row_lengths(axis=2).to_tensor()
    missing_steps, missing_values = tf.unstack(tf.maximum(1 - tf.shape(values)[1:], 0), num=2)
    return {
        name: tf.pad(values, [[0, 0], [0, missing_steps], [0, missing_values]]),
        counts_key(name): tf.pad(counts, [[0, 0], [0, missing_steps]]),
    }


def _padding_step(values: tf.Tensor) -> tf.Tensor:
    """Makes one step of padding for steps `[S, ...]`."""
    if isinstance(values, tf.RaggedTensor):
        return tf.RaggedTensor.from_row_lengths(tf.zeros([0], values.dtype), tf.zeros([1], tf.int64))
    return tf.zeros([1, *values.shape[1:]], values.dtype)


def _make_batches(padder: _Padder, order: tf.Tensor | Ints, ends: tf.Tensor | Ints, start: int = 0) -> tf.data.Dataset:
    """Makes a dataset of the batches of a plan, from the batch `start` on."""
    order, ends = tf.convert_to_tensor(order), tf.convert_to_tensor(ends)
    count = tf.size(ends, out_type=tf.int64) - 1
    return tf.data.Dataset.range(start, count).map(lambda index: padder(order[ends[index] : ends[index + 1]]))


def _count_bytes(tensor: tf.Tensor | tf.RaggedTensor) -> int:
    """Counts the bytes that a tensor takes in memory."""
    if isinstance(tensor, tf.RaggedTensor):
        return _count_bytes(tensor.values) + _count_bytes(tensor.row_splits)
    if tensor.dtype == tf.string:
        return int(tf.reduce_sum(tf.strings.length(tensor))) + _STRING_BYTES * int(tf.size(tensor))
    return int(tf.size(tensor)) * tensor.dtype.size
