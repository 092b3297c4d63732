"""Creates padded batches of records of similar length, where the number of steps per batch is limited.

::

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    columns = {"tokens": Column("int64"), "labels": Column("int64"), "vector": Column("float32", width=12)}
    batches = SequenceBatches(records, columns, batch_tokens=2048, seed=1)
    for epoch in range(20):
        for batch in batches.make_epoch(epoch):
            ...  # batch["tokens"] int64 [B, T], batch["vector"] float32 [B, T, 12], batch["lengths"] int64 [B]

Every record is in exactly one batch of each epoch. The batches of an epoch depend only on the data, the settings, the
seed and the number of the epoch. Training that stopped in epoch 7 can therefore continue with
`make_epoch(7, start=number of finished batches)`.

Parsed records are kept without padding, and their steps are concatenated. A batch gathers its steps from there::

    record      0          1   2
    lengths     3          1   2
    starts      0          3   4
    steps       a  b  c    d   e  f   0       the step at the end, with index 6, is padding
    index       0  1  2    3   4  5   6

    the batch of the records 0 and 2, with T = 3
    index       0  1  2       a  b  c
                4  5  6  ->   e  f  0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column, Records, check_columns, parse_records
from tfx_sequence.components.sequence_trainer.batches.planning import (
    Ints,
    check_positive,
    compute_chunk_size,
    plan_batches,
)
from tfx_sequence.schemas.contract import LENGTHS

MEMORY_LIMIT = 1 << 30
"""The maximum size in bytes of parsed records that are kept in memory. Larger data is read again in each epoch."""

_PARSE_RECORDS = 1024
"""The number of records that are parsed in one call. 256 records have two thirds of the speed, 4,096 the same speed."""

_PREFETCHED = 4
"""The number of batches that are prepared in advance of the training step."""

_STRING_BYTES = 24
"""The number of bytes that TensorFlow needs for each string, in addition to the characters."""

_Pairs = tuple[tf.Tensor, tf.Tensor]
"""The positions of records, int64 `[N]`, and the serialized records, string `[N]`."""


class SequenceBatches:
    """Creates the batches of a dataset for any number of epochs.

    Data that fits into `memory_limit` is parsed once and kept in memory without padding. Larger data is read again in
    each epoch, `compute_chunk_size` records at a time. Its records are then shuffled mostly within two chunks, so the
    records in its files should be in random order.

    Args:
      records: A dataset of serialized records, string scalars. It must have the same order in each iteration.
      columns: Maps the name of each feature to how the feature is stored. At least one feature must be a sequence.
      batch_tokens: The maximum number of steps in a batch, padding included. A longer record forms a batch alone.
      seed: The seed of the shuffle. If None, as for evaluation, records are ordered from the longest to the shortest
        (within chunks, if the data is not kept in memory).
      boundaries: The maximum lengths of buckets, in the form of `find_bucket_boundaries`. If given, all records of a
        batch are in the same bucket.
      window: The number of steps of the windows in which batches are computed; None if they are computed as a whole.
        `batch_tokens` then limits the steps of a window, so that several long records share a batch.
      memory_limit: The maximum size of the parsed records in memory, in bytes. Reading briefly needs twice as much.
      group: The number of devices that make an update together, with one batch each. If records are shuffled, each
        `group` successive batches then have similar lengths, so that no device waits long for another one.

    Attributes:
      in_memory: Whether the parsed records are kept in memory.
      lengths: The number of steps of each record, int64 `[N]`. If the data is not kept in memory, the lengths of only
        those records that were read until the limit was reached.

    Raises:
      ValueError: if there are no records, or if `columns`, `batch_tokens`, `boundaries`, `window` or `group` are
        invalid.
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
        window: int | None = None,
        memory_limit: int = MEMORY_LIMIT,
        group: int = 1,
    ) -> None:
        check_columns(columns)
        check_positive(batch_tokens=batch_tokens, group=group, window=window)
        if list(boundaries) != sorted(set(boundaries)):
            raise ValueError(f"boundaries must ascend, but are {list(boundaries)}")
        self._records = _disable_autotuning(records)
        self._columns = dict(columns)
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._boundaries = tuple(boundaries)
        self._group = group
        self._window = window
        # The parsed records stay on the CPU, even if a GPU is the default device.
        with tf.device("CPU:0"):
            records_in_memory, self.in_memory = self._read_until_limit(memory_limit)
            self.lengths: Ints = records_in_memory.lengths.numpy()
            self._padder = _Padder(records_in_memory) if self.in_memory else None

    def make_epoch(self, number: int = 0, start: int = 0) -> tf.data.Dataset:
        """Creates the batches of one epoch.

        Args:
          number: The number of the epoch, which determines the order of the records.
          start: The number of batches to skip at the beginning of the epoch.

        Returns:
          A dataset of batches in the form of `batch.py`. A batch maps the name of each column to `[B, T]`,
          `[B, T, width]`, `[B]` or `[B, width]`, padded with 0 or "". It also maps `lengths` to int64 `[B]`. T is the
          maximum length in the batch, but at least 1. A nested column is `[B, T, C]`. The number of values in each of
          its steps, int64 `[B, T]`, has the key `get_counts_key` of its name.
        """
        with tf.device("CPU:0"):
            if self._padder is None:
                return self._stream_batches(number).skip(start).prefetch(_PREFETCHED)
            order, ends = self._plan_chunk(self.lengths, number, 0)
            return _make_batches(self._padder, order, ends, start).prefetch(_PREFETCHED)

    def count_batches(self, number: int = 0) -> int | None:
        """Returns the number of batches of one epoch.

        Returns None if the data is not kept in memory, because the number is then unknown before the data is read.
        """
        if not self.in_memory:
            return None
        _, ends = self._plan_chunk(self.lengths, number, 0)
        return len(ends) - 1

    def find_records(self, number: int, index: int) -> Ints:
        """Finds the records of one batch, for reports about errors in this batch.

        If the data is not kept in memory, it is read again up to this batch.

        Args:
          number: The number of the epoch.
          index: The position of the batch in the epoch, from 0.

        Returns:
          The positions of the records in the dataset, int64 `[B]`.

        Raises:
          IndexError: if the epoch has fewer batches.
        """
        with tf.device("CPU:0"):
            if self.in_memory:
                order, ends = self._plan_chunk(self.lengths, number, 0)
                if index >= len(ends) - 1:
                    raise _make_index_error(index, len(ends) - 1, number)
                return order[ends[index] : ends[index + 1]]
            num_previous = 0  # The number of batches in the previous chunks.
            for chunk, (positions, serialized) in self._read_chunks(number):
                lengths = self._parse(serialized).lengths.numpy()
                order, ends = self._plan_chunk(lengths, number, int(chunk), num_previous)
                num_batches = len(ends) - 1
                if index < num_previous + num_batches:
                    index_in_chunk = index - num_previous
                    rows = order[ends[index_in_chunk] : ends[index_in_chunk + 1]]
                    return positions.numpy()[rows]
                num_previous += num_batches
            raise _make_index_error(index, num_previous, number)

    def read_serialized(self, positions: Ints) -> list[bytes]:
        """Reads the serialized records at some positions of the dataset, in the order of `positions`."""
        requested = set(positions.tolist())
        record_by_position: dict[int, bytes] = {}
        for position, record in self._records.enumerate():
            if int(position) in requested:
                record_by_position[int(position)] = record.numpy()
        return [record_by_position[position] for position in positions.tolist()]

    def _read_until_limit(self, memory_limit: int) -> tuple[Records, bool]:
        """Reads records until their size exceeds the limit.

        Returns:
          The parsed records, and whether all records of the dataset were read.
        """
        chunks: list[Records] = []
        size = 0
        dataset = self._records.batch(_PARSE_RECORDS).map(self._parse, num_parallel_calls=2).prefetch(2)
        for chunk in dataset:
            chunks.append(chunk)
            size += sum(_count_bytes(tensor) for tensor in tf.nest.flatten(chunk))
            if size > memory_limit:
                break
        if not chunks:
            raise ValueError("there are no records to batch; check the file pattern and the name of the split")
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *chunks), size <= memory_limit

    def _read_chunks(self, number: int) -> tf.data.Dataset:
        """Reads the records of an epoch in shuffled chunks.

        Returns:
          A dataset of pairs of the number of a chunk and its records. The records are a pair: their positions `[N]` and
          their serialized form `[N]`.
        """
        size = compute_chunk_size(self.lengths, self._group * self._batch_tokens)
        if self._window is not None:
            # All steps of a chunk are in memory, so a chunk of very long records has only what one batch needs.
            size = max(size, self._batch_tokens // self._window)
        records = self._records.enumerate()
        if self._seed is not None:
            seed = np.random.SeedSequence((self._seed, number)).generate_state(2).astype(np.int64)
            records = _shuffle_records(records, size, seed)
        return records.batch(size).enumerate()

    def _stream_batches(self, number: int) -> tf.data.Dataset:
        """Creates the batches of an epoch chunk by chunk while the data is read."""

        def parse_chunk(chunk: tf.Tensor, records: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, Records]:
            _, serialized = records
            return chunk, self._parse(serialized)

        def plan_chunk(
            num_previous: tf.Tensor, numbered_records: tuple[tf.Tensor, Records]
        ) -> tuple[tf.Tensor, tuple[Records, tf.Tensor, tf.Tensor]]:
            chunk, records = numbered_records
            arguments = [records.lengths, number, chunk, num_previous]
            order, ends = tf.numpy_function(self._plan_chunk, arguments, [tf.int64, tf.int64])
            order = tf.ensure_shape(order, [None])
            ends = tf.ensure_shape(ends, [None])
            num_batches = tf.size(ends, tf.int64) - 1
            return num_previous + num_batches, (records, order, ends)

        def make_batches(records: Records, order: tf.Tensor, ends: tf.Tensor) -> tf.data.Dataset:
            return _make_batches(_Padder(records), order, ends)

        parsed_chunks = self._read_chunks(number).map(parse_chunk, num_parallel_calls=2)
        return parsed_chunks.scan(tf.zeros([], tf.int64), plan_chunk).flat_map(make_batches)

    def _parse(self, serialized: tf.Tensor) -> Records:
        return parse_records(serialized, self._columns)

    def _plan_chunk(self, lengths: Ints, number: int, chunk: int, num_previous: int = 0) -> tuple[Ints, Ints]:
        """Plans the batches of a chunk.

        Args:
          lengths: The number of steps of each record of the chunk, `[N]`.
          number: The number of the epoch.
          chunk: The number of the chunk in the epoch.
          num_previous: The number of batches in the previous chunks. If they end within a group of batches, then the
            first batches of this chunk complete that group.

        Returns:
          The indices of the records in the order of the batches, int64 `[N]`. Then the positions in this array where
          the batches begin, followed by the end of the last batch, int64 `[number of batches + 1]`.
        """
        generator = None if self._seed is None else np.random.default_rng((self._seed, int(number), int(chunk)))
        batches = plan_batches(
            lengths,
            self._batch_tokens,
            generator=generator,
            boundaries=self._boundaries,
            group=self._group,
            window=self._window,
        )
        # Batches from the end complete the group, because the last batches are not a complete group themselves.
        num_missing = -int(num_previous) % self._group
        num_first = len(batches) - num_missing
        batches = batches[num_first:] + batches[:num_first]
        ends = np.cumsum([0, *map(len, batches)], dtype=np.int64)
        return np.concatenate(batches), ends


class _Padder:
    """Creates padded batches of parsed records, with one gather per column as shown at the top of this module."""

    def __init__(self, records: Records) -> None:
        self._context = records.context
        self._lengths = records.lengths
        self._starts = tf.cumsum(records.lengths, exclusive=True)
        self._steps = {
            name: tf.concat([values, _make_padding_step(values)], 0) for name, values in records.steps.items()
        }
        self._padding_index = tf.reduce_sum(records.lengths)

    def __call__(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the padded batch of the records with the indices `rows`, int64 `[B]`."""
        lengths = tf.gather(self._lengths, rows)
        position = tf.range(tf.maximum(tf.reduce_max(lengths), 1))
        index = tf.gather(self._starts, rows)[:, None] + position
        index = tf.where(position < lengths[:, None], index, self._padding_index)  # [B, T]
        batch = {name: tf.gather(values, rows) for name, values in self._context.items()}
        for name, values in self._steps.items():
            steps = tf.gather(values, index)
            if isinstance(steps, tf.RaggedTensor):
                batch |= pad_nested(name, steps)
            else:
                batch[name] = steps
        batch[LENGTHS] = lengths
        return batch


def pad_nested(name: str, steps: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    """Pads a nested column, and counts the values in each of its steps.

    ::

        steps       [[a, b], [], [c]]       values    a b   - -   c -      counts   2 0 1
                    [[d]]                             d -   - -   - -               1 0 0

    Args:
      name: The name of the column.
      steps: The values of the column, ragged `[B, (T), (C)]`.

    Returns:
      The two entries of the column in a batch: the values `[B, T, C]`, where T and C are at least 1, and the number of
      values in each step, int64 `[B, T]`.
    """
    values = steps.to_tensor()
    counts = steps.row_lengths(axis=2).to_tensor()
    missing_steps, missing_values = tf.unstack(tf.maximum(1 - tf.shape(values)[1:], 0), num=2)
    return {
        name: tf.pad(values, [[0, 0], [0, missing_steps], [0, missing_values]]),
        get_counts_key(name): tf.pad(counts, [[0, 0], [0, missing_steps]]),
    }


def _shuffle_records(records: tf.data.Dataset, size: int, seed: Ints) -> tf.data.Dataset:
    """Shuffles records within a pool that moves over the dataset.

    `Dataset.shuffle` also depends on the global seed of TensorFlow, which other code may set. This order depends on the
    arguments only::

        size 3        read        pool, permuted     kept        yielded
                      a b c       b a c              b a c
                      d e f       e a f c b d        e a f       c b d
                      g           f g a e            f g a       e
                                  g f a                          g f a

    Args:
      records: A dataset of pairs of the position of a record and the record, both scalars.
      size: The number of records that are kept in the pool, at least 1.
      seed: The seed, `[2]`.
    """

    def mix_chunk(pool: _Pairs, numbered_chunk: tuple[tf.Tensor, _Pairs]) -> tuple[_Pairs, _Pairs]:
        number, chunk = numbered_chunk
        positions = tf.concat([pool[0], chunk[0]], 0)
        serialized = tf.concat([pool[1], chunk[1]], 0)
        chunk_seed = tf.random.experimental.stateless_fold_in(seed, number)
        draws = tf.random.stateless_uniform(tf.shape(positions), chunk_seed, None, None, tf.int64)
        order = tf.argsort(draws, stable=True)
        positions = tf.gather(positions, order)
        serialized = tf.gather(serialized, order)
        num_kept = tf.where(tf.size(chunk[0]) > 0, size, 0)
        kept = (positions[:num_kept], serialized[:num_kept])
        yielded = (positions[num_kept:], serialized[num_kept:])
        return kept, yielded

    no_records = (tf.zeros([0], tf.int64), tf.zeros([0], tf.string))
    # The empty chunk at the end empties the pool.
    chunks = records.batch(size).concatenate(tf.data.Dataset.from_tensors(no_records))
    return chunks.enumerate().scan(no_records, mix_chunk).unbatch()


def _make_padding_step(values: tf.Tensor) -> tf.Tensor:
    """Returns one step of padding, in the form of the steps `[S, ...]`."""
    if isinstance(values, tf.RaggedTensor):
        return tf.RaggedTensor.from_row_lengths(tf.zeros([0], values.dtype), tf.zeros([1], tf.int64))
    return tf.zeros([1, *values.shape[1:]], values.dtype)


def _make_batches(padder: _Padder, order: tf.Tensor | Ints, ends: tf.Tensor | Ints, start: int = 0) -> tf.data.Dataset:
    """Creates a dataset of the batches of a plan, beginning with batch `start`."""
    order, ends = tf.convert_to_tensor(order), tf.convert_to_tensor(ends)
    num_batches = tf.size(ends, out_type=tf.int64) - 1
    indices = _disable_autotuning(tf.data.Dataset.range(start, num_batches))
    return indices.map(lambda index: padder(order[ends[index] : ends[index + 1]]))


def _disable_autotuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Turns off the thread that tunes the parallelism of a dataset and of all datasets made from it.

    An iterator that has reached its end waits for this thread to wake up, which can take as long as the epoch took (see
    `benchmarks/iterator_stall.py`). The parallelism of all datasets here is fixed, so there is nothing to tune.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _make_index_error(index: int, num_batches: int, number: int) -> IndexError:
    """Returns the error for the index of a batch that an epoch does not have."""
    return IndexError(f"epoch {number} has {num_batches} batches, so an index is 0 to {num_batches - 1}, not {index}")


def _count_bytes(tensor: tf.Tensor | tf.RaggedTensor) -> int:
    """Returns the size of a tensor in memory, in bytes."""
    if isinstance(tensor, tf.RaggedTensor):
        return _count_bytes(tensor.values) + _count_bytes(tensor.row_splits)
    if tensor.dtype == tf.string:
        return int(tf.reduce_sum(tf.strings.length(tensor))) + _STRING_BYTES * int(tf.size(tensor))
    return int(tf.size(tensor)) * tensor.dtype.size
