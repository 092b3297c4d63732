"""Measures the peak memory and the time of evaluation and serving where one thing is very large.

    python benchmarks/memory.py values [--values 100000 200000]      a softmax over many values
    python benchmarks/memory.py lengths [--steps 20000]               one long record beside 300 short ones
    python benchmarks/memory.py windows [--steps 40000]               one long record, trained in windows

`values` compares a training step with the evaluation and the serving of batches of 1,024 steps. `lengths` compares one
request for all records with two requests, one for the long record and one for the short ones; and it shows the median
time of a request for one record of 20 steps. `windows` compares training, evaluation and serving of one record.

Each line is a process of its own. Its memory is the peak of the process beyond that of a process that only makes the
model and the data. Times are medians of three, after a first call that traces the graph.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

BATCH_TOKENS = 1024
WINDOW = 500
SHORT_RECORDS, SHORT_STEPS = 300, 20
SINGLE_REQUESTS = 200
CHILD = "--child"


def main() -> None:
    if sys.argv[1:2] == [CHILD]:
        case, mode, size = sys.argv[2:]
        measure(case, mode, int(size))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = parser.add_subparsers(dest="case", required=True)
    cases.add_parser("values").add_argument("--values", type=int, nargs="+", default=[100_000, 200_000], dest="sizes")
    cases.add_parser("lengths").add_argument("--steps", type=int, nargs="+", default=[20_000], dest="sizes")
    cases.add_parser("windows").add_argument("--steps", type=int, nargs="+", default=[40_000], dest="sizes")
    options = parser.parse_args()
    print(f"{'case':>8} {'size':>9} {'what':>10} {'peak MB':>9} {'seconds':>9}")
    for size in options.sizes:
        base = run_child(options.case, "build", size)["peak"]
        for mode in MODES[options.case]:
            measured = run_child(options.case, mode, size)
            peak = measured["peak"] - base
            print(f"{options.case:>8} {size:>9,} {mode:>10} {peak:>9,.0f} {measured['seconds']:>9.3f}", flush=True)


def run_child(case: str, mode: str, size: int) -> dict[str, float]:
    """Measures in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, CHILD, case, mode, str(size)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


def measure(case: str, mode: str, size: int) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    action = make_action(case, mode, size)
    seconds = 0.0
    if action is not None:
        action()
        seconds = statistics.median(measure_seconds(action) for _ in range(SINGLE_REQUESTS if mode == "one" else 3))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak": peak, "seconds": seconds}))


def measure_seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


MODES = {
    "values": ("train", "evaluate", "serve"),
    "lengths": ("together", "apart", "one"),
    "windows": ("train", "evaluate", "serve"),
}


def make_action(case: str, mode: str, size: int) -> Callable[[], Any] | None:
    """Makes the model and the data of a case, and returns what a mode measures; None for the mode `build`."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tfx_sequence.components.sequence_trainer.batches.parsing import Column
    from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
    from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
    from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
    from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
    from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
    from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
    from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
    from tfx_sequence.components.sequence_trainer.training.step import make_training_step
    from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
    from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
    from tfx_sequence.schemas.spec import Feature, SequenceSpec

    tf.config.threading.set_intra_op_parallelism_threads(2)
    num_values = size if case == "values" else 50
    lengths = {
        "values": [64] * 64,
        "lengths": [size] + [SHORT_STEPS] * SHORT_RECORDS,
        "windows": [size],
    }[case]
    settings: dict[str, dict[str, Any]] = {
        "values": {
            "bidirectional": False,
            "units": 64,
            "embedding_dim": 32,
            "heads": {"label": {"kind": "language_model", "sampled": 500}},
        },
        "lengths": {},
        "windows": {"bidirectional": False},
    }
    window = WINDOW if case == "windows" else None
    spec = SequenceSpec(features={"ids": Feature(kind="integer"), "label": Feature(kind="categorical", role="label")})
    task = SequenceTask(
        raw=spec,
        inputs=(Input("ids", num_ids=num_values + 1, width=1, context=False),),
        labels=(Label("label", per_step=True, classes=tuple(b"%d" % value for value in range(num_values))),),
        columns={"ids": Column("int64"), "label": Column("int64")},
    )
    random = np.random.default_rng(1)

    def make_record(length: int) -> bytes:
        record = tf.train.SequenceExample()
        for name in ("ids", "label"):
            for value in random.integers(1, num_values + 1, length):
                record.feature_lists.feature_list[name].feature.add().int64_list.value.append(value)
        return record.SerializeToString()

    records = [make_record(length) for length in lengths]
    config = TrainingConfig(batch_tokens=BATCH_TOKENS, window=window)
    batches = SequenceBatches(tf.data.Dataset.from_tensor_slices(records), task.columns, batch_tokens=BATCH_TOKENS)
    keras.utils.set_random_seed(1)
    model = SequenceModel(task, ModelConfig.model_validate(settings[case]), seed=1)
    model({name: tf.ones([1, 1], tf.int64) for name in task.columns} | {"lengths": tf.ones([1], tf.int64)})
    if mode == "build":
        return None
    if mode == "train":
        spec = batches.make_epoch().element_spec
        step = make_training_step(model, make_optimizer(config, model), WeightAverages([], 0.0), config, spec)
        batch = next(iter(batches.make_epoch()))
        return lambda: step([batch])
    if mode == "evaluate":
        trainer = Trainer(model, task, config, "")
        return lambda: trainer.evaluate(batches.make_epoch())

    class Transform(tf.Module):
        """In place of a transform graph: removes the axis of the values of a step."""

        def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
            return {name: value.with_values(value.values.flat_values) for name, value in raw.items()}

    output: Any = SimpleNamespace(transform_features_layer=Transform)
    served = ServingModel(model, task, output, **({"window": window} if window else {}))
    answer = tf.function(served.answer_examples, input_signature=[tf.TensorSpec([None], tf.string)])
    requests = {
        "serve": [records[: BATCH_TOKENS // 64]],
        "together": [records],
        "apart": [records[:1], records[1:]],
        "one": [records[-1:]],
    }[mode]
    return lambda: [answer(tf.constant(request)) for request in requests]


if __name__ == "__main__":
    main()
