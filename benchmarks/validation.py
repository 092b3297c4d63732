"""How long SequenceExampleValidator's record checks take, beside what StatisticsGen and ExampleValidator take.

python benchmarks/validation.py [copies of the treebank, 10 if not given]
"""

from __future__ import annotations

import importlib.metadata
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import apache_beam as beam
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx_bsl.tfxio.tf_sequence_example_record import TFSequenceExampleRecord

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.file_reader import FileReader
from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_schema_gen import infer_schema
from tfx_sequence.schemas.examples import Encoder, Record
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
            for read in reader.read(str(file.locate())):
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


def timed(what: str, run: Callable[[], Any]) -> tuple[float, Any]:
    """Runs something and says how long it took."""
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    print(f"{what:42} {seconds:8.1f} s")
    return seconds, result


def main() -> None:
    """Prints the times, and how much the record checks add."""
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/train.gz"
        print(f"{write(path, copies)} records")

        def statistics() -> Any:
            output = f"{folder}/stats.pb"
            with make_pipeline() as pipeline:
                batches = pipeline | TFSequenceExampleRecord(path, ["benchmark"]).BeamSource()
                _ = batches | tfdv.GenerateStatistics() | tfdv.WriteStatisticsToBinaryFile(output)
            return tfdv.load_stats_binary(output)

        generate, stats = timed("StatisticsGen", statistics)
        schema = infer_schema({"train": stats}, SPEC)
        stock, _ = timed("ExampleValidator", lambda: tfdv.validate_statistics(stats, schema))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        files = [ExampleFile("train", path)]
        outputs = {"train": f"{folder}/train.json"}
        ours, found = timed("record checks", lambda: check_files(files, schema, outputs, make_pipeline))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert not found["train"].groups, found
        print(f"{'with record checks, to stock':42} {(generate + stock + ours) / (generate + stock):8.2f} x")
        print(f"{'peak memory before, after':42} {before / 1024:8.0f} MB {after / 1024:.0f} MB")


if __name__ == "__main__":
    main()
