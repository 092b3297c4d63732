"""Measures what validation costs beside stock StatisticsGen and ExampleValidator, and prints a table for the docs.

python benchmarks/validation.py [copies of the treebank ...; 1, 5 and 25 if not given]

Each measurement runs in a process of its own, so that its peak memory is its own. The time is processor time, without
imports.
"""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import apache_beam as beam
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tf_sequence_example_record import TFSequenceExampleRecord

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_validator import compute_statistics, examine
from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_schema_gen import infer_schema
from tfx_sequence.schemas.records.examples import Encoder, Record
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="form"),
        "upos": Feature(kind="categorical", role="label", source="upos"),
        "sent_id": Feature(kind="token", role="key", context=True),
    }
)


def read_treebank() -> Iterator[Record]:
    """Yields the sentences of turkish-treebanks."""
    reader = FileReader(SPEC, ReadConfig(format="conllu"))
    for file in importlib.metadata.files("turkish-treebanks") or []:
        if file.name.endswith(".conllu"):
            for read in reader.read_records(str(file.locate())):
                yield read.record


def write_copies(path: str, copies: int) -> int:
    """Writes copies of the treebank, each with keys of its own; returns the number of records."""
    encoder = Encoder(SPEC)
    records = list(read_treebank())
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for copy in range(copies):
            for number, record in enumerate(records):
                writer.write(encoder.encode({**record, "sent_id": f"{copy}-{number}"}))
    return copies * len(records)


def make_pipeline() -> beam.Pipeline:
    """Makes a pipeline that runs in this process, as under LocalDagRunner."""
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


def run_stock(path: str, schema: bytes) -> None:
    """Does what StatisticsGen does by default, and ExampleValidator."""
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/stats.pb"
        with make_pipeline() as pipeline:
            batches = pipeline | TFSequenceExampleRecord(path, ["benchmark"]).BeamSource()
            _ = batches | tfdv.GenerateStatistics() | tfdv.WriteStatisticsToBinaryFile(output)
        tfdv.validate_statistics(tfdv.load_stats_binary(output), schema_pb2.Schema.FromString(schema))


def run_record_checks(path: str, schema: bytes) -> None:
    """Does what SequenceExampleValidator adds to stock, if it is given the examples."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = {"train": f"{folder}/train.json"}
        files = [ExampleFile("train", path)]
        findings = check_files(files, schema_pb2.Schema.FromString(schema), outputs, make_pipeline)
    assert not findings["train"].groups, findings


def run_validate(path: str, schema: bytes) -> None:
    """Does what `tfx-sequence validate` does: statistics, all checks, and a profile of the data."""
    report = examine({"train": [path]}, schema_pb2.Schema.FromString(schema))
    assert not report.anomalies, report.anomalies


class Cost(NamedTuple):
    """The cost of some work: seconds of processor time, and the peak memory in MB."""

    seconds: float
    peak: float


def measure_in_own_process(work: Callable[[str, bytes], None], path: str, schema: bytes) -> Cost:
    """Runs some work in a process of its own, and measures it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, path, schema))


def _measure(work: Callable[[str, bytes], None], path: str, schema: bytes) -> Cost:
    start = time.process_time()
    work(path, schema)
    return Cost(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def make_row(folder: str, copies: int) -> str:
    """Measures one size of the data, and makes its row of the table."""
    path = f"{folder}/{copies}.gz"
    records = write_copies(path, copies)
    schema = infer_schema({"train": compute_statistics([path], None)}, SPEC).SerializeToString()
    stock = measure_in_own_process(run_stock, path, schema)
    checks = measure_in_own_process(run_record_checks, path, schema)
    validate = measure_in_own_process(run_validate, path, schema)
    cells = [
        f"{records:,}",
        f"{stock.seconds:.1f} s",
        f"{checks.seconds:.1f} s",
        f"{1 + checks.seconds / stock.seconds:.2f}",
        f"{validate.seconds:.1f} s",
        f"{validate.seconds / stock.seconds:.2f}",
        *(f"{cost.peak:,.0f} MB" for cost in (stock, checks, validate)),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    columns = ("Records", "Stock", "Record checks", "Both / stock", "`validate`", "`validate` / stock")
    columns += ("Peak memory: stock", "record checks", "`validate`")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for copies in map(int, sys.argv[1:] or ("1", "5", "25")):
            print(make_row(folder, copies), flush=True)


if __name__ == "__main__":
    main()
