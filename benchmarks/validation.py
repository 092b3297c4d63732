"""What validating costs, beside stock StatisticsGen and ExampleValidator, on the same data. Writes the table of docs.

python benchmarks/validation.py [copies of the treebank ...; 1, 5 and 25 if not given]

Each measurement is a process of its own, so that its peak memory is its own; the time is that of the processor, without
that of imports.
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
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import apache_beam as beam
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tf_sequence_example_record import TFSequenceExampleRecord

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.examine import examine
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


def treebank() -> Iterator[Record]:
    """Yields the sentences of turkish-treebanks."""
    reader = FileReader(SPEC, ReadConfig(format="conllu"))
    for file in importlib.metadata.files("turkish-treebanks") or []:
        if file.name.endswith(".conllu"):
            for read in reader.read_records(str(file.locate())):
                yield read.record


def write(path: str, copies: int) -> int:
    """Writes the treebank so many times, each copy with keys of its own; gives the number of records."""
    encoder = Encoder(SPEC)
    records = list(treebank())
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for copy in range(copies):
            for number, record in enumerate(records):
                writer.write(encoder.encode({**record, "sent_id": f"{copy}-{number}"}))
    return copies * len(records)


def make_pipeline() -> beam.Pipeline:
    """A pipeline in this process, as LocalDagRunner runs it."""
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


def stock(path: str, schema: bytes) -> None:
    """StatisticsGen, as it is by default, and ExampleValidator."""
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/stats.pb"
        with make_pipeline() as pipeline:
            batches = pipeline | TFSequenceExampleRecord(path, ["benchmark"]).BeamSource()
            _ = batches | tfdv.GenerateStatistics() | tfdv.WriteStatisticsToBinaryFile(output)
        tfdv.validate_statistics(tfdv.load_stats_binary(output), schema_pb2.Schema.FromString(schema))


def record_checks(path: str, schema: bytes) -> None:
    """What SequenceExampleValidator does more than stock, when it is given the examples."""
    with tempfile.TemporaryDirectory() as folder:
        outputs = {"train": f"{folder}/train.json"}
        files = [ExampleFile("train", path)]
        found = check_files(files, schema_pb2.Schema.FromString(schema), outputs, make_pipeline)
    assert not found["train"].groups, found


def everything(path: str, schema: bytes) -> None:
    """What `tfx-sequence validate` does: statistics, all checks, and a profile of the data."""
    report = examine({"train": [path]}, schema_pb2.Schema.FromString(schema))
    assert not report.anomalies, report.anomalies


class Cost(NamedTuple):
    """Of a measurement: seconds of the processor, and the peak memory in MB."""

    seconds: float
    peak: float


def measured(work: Callable[[str, bytes], None], path: str, schema: bytes) -> Cost:
    """Runs something in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, path, schema))


def _measure(work: Callable[[str, bytes], None], path: str, schema: bytes) -> Cost:
    start = time.process_time()
    work(path, schema)
    return Cost(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def row(folder: str, copies: int) -> str:
    """A row of the table."""
    path = f"{folder}/{copies}.gz"
    records = write(path, copies)
    schema: Any = infer_schema({"train": compute_statistics([path], None)}, SPEC)
    schema = schema.SerializeToString()
    usual, checks, whole = (measured(work, path, schema) for work in (stock, record_checks, everything))
    cells = [
        f"{records:,}",
        f"{usual.seconds:.1f} s",
        f"{checks.seconds:.1f} s",
        f"{1 + checks.seconds / usual.seconds:.2f}",
        f"{whole.seconds:.1f} s",
        f"{whole.seconds / usual.seconds:.2f}",
        *(f"{cost.peak:,.0f} MB" for cost in (usual, checks, whole)),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    columns = ("Records", "Stock", "Record checks", "With them, to stock", "`validate`", "To stock")
    columns += ("Peak memory: stock", "record checks", "`validate`")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for copies in map(int, sys.argv[1:] or ("1", "5", "25")):
            print(row(folder, copies), flush=True)


if __name__ == "__main__":
    main()
