"""Compares SequenceTransform with stock Transform, which reads the same data in the flat form that it needs.

    python benchmarks/transform.py [--sequences 20000 100000] [--repeats 3] [--ways stock ours] [--no-statistics]
    python benchmarks/transform.py --encoder

The data: sequences of 1 to 40 tokens of a Zipfian vocabulary, a tag of 17 for each token. Ours reads and writes
SequenceExamples; stock reads and writes tf.Examples of two lists, and its preprocessing_fn calls
`tft.compute_and_apply_vocabulary` for each. Both run as a launcher runs them, from artifacts to artifacts, under Beam's
own runner, with statistics unless told otherwise. Each line is a process of its own, pinned to one core, the two ways
in turn; the least of several repeats counts. The ratio is that of CPU seconds, which other work on the machine changes
little. `--encoder` compares only the step from RecordBatches to bytes with protobuf messages built step by step.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

VOCABULARY = 50_000
TAGS = 17
LONGEST = 40
WAYS = ("stock", "ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--no-statistics", action="store_true")
    parser.add_argument("--encoder", action="store_true")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, folder = options.child
        measure(way, Path(folder), not options.no_statistics)
    elif options.encoder:
        compare_encoders()
    else:
        heads = ("seconds", "cpu s", "peak MB", "vs stock")
        print(f"{'sequences':>10} {'way':<6}", *(f"{head:>9}" for head in heads))
        for count in options.sequences:
            with tempfile.TemporaryDirectory() as folder:
                write_data(count, Path(folder), options.ways)
                compare(count, folder, options)


def compare(count: int, folder: str, options: argparse.Namespace) -> None:
    results: dict[str, list[dict[str, float]]] = {way: [] for way in options.ways}
    flags = ["--no-statistics"] if options.no_statistics else []
    for _ in range(options.repeats):
        for way in options.ways:
            command = [sys.executable, __file__, *flags, "--child", way, folder]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            results[way].append(json.loads(output.splitlines()[-1]))
    best = {}
    for way, runs in results.items():
        best[way] = {key: min(run[key] for run in runs) for key in runs[0]}
    for way, run in best.items():
        ratio = f"{run['cpu'] / best['stock']['cpu']:.2f}x" if "stock" in best else ""
        cells = (f"{run['seconds']:.1f}", f"{run['cpu']:.1f}", f"{run['peak']:.0f}", ratio)
        print(f"{count:>10,} {way:<6}", *(f"{cell:>9}" for cell in cells), flush=True)


def make_sequences(count: int) -> Iterator[tuple[list[str], list[str]]]:
    rng = np.random.default_rng(1)
    for length in rng.integers(1, LONGEST + 1, count).tolist():
        ids = np.minimum(rng.zipf(1.3, length), VOCABULARY).tolist()
        yield [f"word{number}" for number in ids], [f"tag{number % TAGS}" for number in ids]


def write_data(count: int, folder: Path, ways: Sequence[str]) -> None:
    import tensorflow as tf

    from tfx_sequence.schemas.records.examples import Encoder

    encoder = Encoder(make_spec())
    for way in ways:
        for split, size in (("train", count), ("eval", max(count // 10, 1))):
            path = folder / way / "examples" / f"Split-{split}" / "data-00000-of-00001.gz"
            path.parent.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for tokens, tags in make_sequences(size):
                    if way == "ours":
                        writer.write(encoder.encode({"tokens": tokens, "tags": tags}))
                        continue
                    example = tf.train.Example()
                    for name, values in (("tokens", tokens), ("tags", tags)):
                        example.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
                    writer.write(example.SerializeToString())


def make_spec() -> Any:
    from tfx_sequence.schemas.spec import Feature, SequenceSpec

    return SequenceSpec(
        features={"tokens": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")},
    )


def stock_preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow_transform as tft

    return {
        name: tft.compute_and_apply_vocabulary(inputs[name], num_oov_buckets=1, vocab_filename=name) for name in inputs
    }


def measure(way: str, folder: Path, with_statistics: bool) -> None:
    os.sched_setaffinity(0, {0})
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx.components.transform import component as stock_component
    from tfx.components.transform import executor as stock_executor
    from tfx.components.util import examples_utils
    from tfx.dsl.components.base import base_beam_executor
    from tfx.proto import example_gen_pb2
    from tfx.types import channel_utils, standard_artifacts
    from tfx.utils import io_utils

    from tfx_sequence.components.sequence_transform import SequenceTransform
    from tfx_sequence.components.sequence_transform.executor import Executor
    from tfx_sequence.schemas.tfmd.convert import to_schema

    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri, schema.uri = str(folder / way / "examples"), str(folder / way / "schema")
    examples.split_names = '["train", "eval"]'
    form = "FORMAT_TF_SEQUENCE_EXAMPLE" if way == "ours" else "FORMAT_TF_EXAMPLE"
    examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.Value(form))
    flat = schema_pb2.Schema(
        feature=[schema_pb2.Feature(name=name, type=schema_pb2.BYTES) for name in ("tokens", "tags")]
    )
    io_utils.write_pbtxt_file(f"{schema.uri}/schema.pbtxt", to_schema(make_spec()) if way == "ours" else flat)
    channels = {"examples": channel_utils.as_channel([examples]), "schema": channel_utils.as_channel([schema])}
    if way == "ours":
        component: Any = SequenceTransform(**channels, disable_statistics=not with_statistics)
    else:
        component = stock_component.Transform(
            **channels,
            preprocessing_fn="transform.stock_preprocessing_fn",
            disable_statistics=not with_statistics,
        )
    with tempfile.TemporaryDirectory(dir=folder) as outputs_folder:
        outputs = {}
        for name, channel in component.outputs.items():
            artifact = channel.type()
            artifact.uri = f"{outputs_folder}/{name}"
            Path(artifact.uri).mkdir()
            outputs[name] = [artifact]
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"],
            tmp_dir=f"{outputs_folder}/tmp",
            unique_id="1",
        )
        executor = (Executor if way == "ours" else stock_executor.Executor)(context)
        began, used = time.perf_counter(), time.process_time()
        executor.Do({"examples": [examples], "schema": [schema]}, outputs, component.exec_properties)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))


def compare_encoders(count: int = 20_000, repeats: int = 5) -> None:
    os.sched_setaffinity(0, {0})
    import pyarrow as pa

    from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout, encode

    rng = np.random.default_rng(1)
    lengths = rng.integers(1, LONGEST + 1, count).tolist()
    rows = [np.minimum(rng.zipf(1.3, length), VOCABULARY).tolist() for length in lengths]
    column = pa.array(rows, pa.large_list(pa.int64()))
    batches = [
        pa.RecordBatch.from_arrays([column.slice(start, 1000)] * 2, names=["tokens", "tags"])
        for start in range(0, count, 1000)
    ]
    layout = SequenceLayout((), {"tokens": 1, "tags": 1})
    times: dict[str, list[float]] = {"protobuf": [], "ours": []}
    for _ in range(repeats):
        began = time.process_time()
        plain = [data for batch in batches for data in encode_by_protobuf(batch)]
        times["protobuf"].append(time.process_time() - began)
        began = time.process_time()
        written = [data for batch in batches for data in encode(batch, layout)]
        times["ours"].append(time.process_time() - began)
    assert written == plain
    print(f"{'encoder':<10} {'sequences/s':>12} {'steps/s':>12} {'vs protobuf':>12}")
    for way, taken in times.items():
        seconds = statistics.median(taken)
        ratio = statistics.median(times["protobuf"]) / seconds
        print(f"{way:<10} {count / seconds:>12,.0f} {sum(lengths) / seconds:>12,.0f} {ratio:>11.1f}x")


def encode_by_protobuf(batch: Any) -> Iterator[bytes]:
    import tensorflow as tf

    for row in batch.to_pylist():
        example = tf.train.SequenceExample()
        for name, ids in row.items():
            steps = example.feature_lists.feature_list[name]
            for number in ids:
                steps.feature.add().int64_list.value.append(number)
        yield example.SerializeToString(deterministic=True)


if __name__ == "__main__":
    main()
