"""Measures how long a tf.data iterator that has reached its end takes to go away, with and without autotuning.

    python benchmarks/iterator_stall.py [--seconds 0.9] [--repeats 40]

A dataset is read to its end in so many seconds, and its iterator deleted. `stock` is a dataset of TensorFlow alone.
With autotuning, the iterator sometimes waits for a sleeping thread, which wakes after 0.01, 0.03, 0.07 ... 0.63, 1.27,
2.55 ... seconds of its life. The wait needs no processor, so only seconds of the clock show it. `ours` is an epoch of
SequenceBatches.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches

ELEMENTS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.9], help="how long an iterator lives")
    parser.add_argument("--repeats", type=int, default=40)
    options = parser.parse_args()
    print(f"TensorFlow {tf.__version__}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{'seconds':>8} {'dataset':<22} {'median wait s':>14} {'longest s':>10} {'above 0.1 s':>12}")
    batches = make_our_batches()
    datasets: dict[str, Callable[[], tf.data.Dataset]] = {
        "stock": lambda: make_stock_dataset(autotune=True),
        "stock, not autotuned": lambda: make_stock_dataset(autotune=False),
        "ours": batches.make_epoch,
    }
    for seconds in options.seconds:
        waits: dict[str, list[float]] = {name: [] for name in datasets}
        for _ in range(options.repeats):
            for name, make_dataset in datasets.items():
                waits[name].append(time_deletion(make_dataset(), seconds / ELEMENTS))
        for name, measured in waits.items():
            delayed = sum(wait > 0.1 for wait in measured)
            cells = f"{statistics.median(measured):>14.3f} {max(measured):>10.3f} {delayed:>8} of {len(measured)}"
            print(f"{seconds:>8} {name:<22} {cells}", flush=True)


def make_stock_dataset(autotune: bool) -> tf.data.Dataset:
    options = tf.data.Options()
    options.autotune.enabled = autotune
    values = tf.random.stateless_normal([1000, 64], seed=(1, 1))
    batches = tf.data.Dataset.range(ELEMENTS).map(lambda number: {"values": tf.gather(values, tf.range(number, 900))})
    return batches.prefetch(4).with_options(options)


def make_our_batches() -> SequenceBatches:
    """Makes epochs of `ELEMENTS` batches, each of one record of four steps."""
    record = tf.train.SequenceExample()
    for token in (1, 2, 3, 4):
        record.feature_lists.feature_list["tokens"].feature.add().int64_list.value.append(token)
    records = tf.data.Dataset.from_tensors(record.SerializeToString()).repeat(ELEMENTS)
    return SequenceBatches(records, {"tokens": Column("int64")}, batch_tokens=4)


def time_deletion(dataset: Iterable[object], pause: float) -> float:
    """Reads a dataset to its end with a pause after each element, and times the deletion of its iterator."""
    iterator = iter(dataset)
    for _ in iterator:
        time.sleep(pause)
    start = time.perf_counter()
    del iterator
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
