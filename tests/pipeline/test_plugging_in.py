"""Each component of ours alone among stock ones, and each stock one alone among ours: what docs/plugging_in.md says.

The pipelines are one to TFX, with one cache, so what several of them have in common runs once.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from support import stock_user_code
from support.raw_records import BEAM_ARGS
from tfx import v1 as tfx
from tfx.proto import example_gen_pb2

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen
from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceTrainer, TrainingConfig
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

pytestmark = [pytest.mark.slow, pytest.mark.example]

SPEC = SequenceSpec(features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")})
WORDS = {"cat": "N", "dog": "N", "runs": "V", "<pad>": "V"}
SENTENCES = {
    split: [list(WORDS), *([word] * length for length in range(1, count) for word in WORDS)]
    for split, count in {"train": 5, "eval": 3}.items()
}
STEPS = sum(map(len, SENTENCES["train"]))
NO_EXTRAS = {"disable_statistics": True, "disable_analyzer_cache": True}
"""What a Transform makes besides is not looked at here; in tests/pipeline/test_readme.py it runs as it is."""


def flat(record: dict[str, list[str]]) -> bytes:
    """A record as a tf.Example: each feature one list of values."""
    example = tf.train.Example()
    for name, values in record.items():
        example.features.feature[name].bytes_list.value.extend(value.encode() for value in values)
    return example.SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data in the forms that users have, and a schema as somebody would have written it for stock Transform."""
    folder = tmp_path_factory.mktemp("plugging_in")
    for split, sentences in SENTENCES.items():
        records = [{"words": words, "tags": [WORDS[word] for word in words]} for words in sentences]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        with tf.io.TFRecordWriter(f"{folder}/{split}.gz", "GZIP") as writer:
            for record in records:
                writer.write(encode(SPEC, record))
        with tf.io.TFRecordWriter(f"{folder}/{split}.flat.gz", "GZIP") as writer:
            for record in records:
                writer.write(flat(record))
        lines = [",".join(" ".join(record[name]) for name in SPEC.features) for record in records]
        (folder / "csv" / split).mkdir(parents=True)
        (folder / "csv" / split / "data.csv").write_text("\n".join([",".join(SPEC.features), *lines, ""]))
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(str(to_schema(SPEC)))
    return folder


class Nodes:
    """The components of a pipeline, stock unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.all: list[Any] = []

    def add(self, node: Any) -> Any:
        self.all.append(node)
        return node

    def _splits(self, ending: str) -> Any:
        Split = tfx.proto.Input.Split
        return tfx.proto.Input(splits=[Split(name=split, pattern=f"{split}.{ending}") for split in SENTENCES])

    def stock_example_gen(self) -> Any:
        node = tfx.components.ImportExampleGen(
            input_base=str(self._folder),
            input_config=self._splits("gz"),
            payload_format=example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE,
        )
        return self.add(node).outputs["examples"]

    def stock_flat_example_gen(self) -> Any:
        node = tfx.components.ImportExampleGen(input_base=str(self._folder), input_config=self._splits("flat.gz"))
        return self.add(node).outputs["examples"]

    def stock_csv_example_gen(self) -> Any:
        Split = tfx.proto.Input.Split
        splits = tfx.proto.Input(splits=[Split(name=split, pattern=f"{split}/*.csv") for split in SENTENCES])
        node = tfx.components.CsvExampleGen(input_base=f"{self._folder}/csv", input_config=splits)
        return self.add(node).outputs["examples"]

    def our_example_gen(self) -> Any:
        node = SequenceExampleGen(
            input_base=str(self._folder),
            spec=SPEC,
            read=ReadConfig(format="jsonl"),
            input_config=self._splits("jsonl"),
        )
        return self.add(node).outputs["examples"]

    def statistics(self, examples: Any) -> Any:
        return self.add(tfx.components.StatisticsGen(examples=examples)).outputs["statistics"]

    def written_schema(self) -> Any:
        path = f"{self._folder}/schema/schema.pbtxt"
        return self.add(tfx.components.ImportSchemaGen(schema_file=path)).outputs["schema"]

    def stock_schema_gen(self, statistics: Any) -> Any:
        return self.add(tfx.components.SchemaGen(statistics=statistics)).outputs["schema"]

    def our_schema_gen(self, statistics: Any) -> Any:
        return self.add(SequenceSchemaGen(statistics=statistics, spec=SPEC)).outputs["schema"]

    def stock_validator(self, statistics: Any, schema: Any) -> None:
        self.add(tfx.components.ExampleValidator(statistics=statistics, schema=schema))

    def our_validator(self, statistics: Any, schema: Any, examples: Any) -> None:
        self.add(SequenceExampleValidator(statistics=statistics, schema=schema, examples=examples))

    def stock_transform(self, examples: Any, schema: Any, function: str = "preprocessing_fn") -> tuple[Any, Any]:
        node = tfx.components.Transform(
            examples=examples, schema=schema, preprocessing_fn=f"support.stock_user_code.{function}", **NO_EXTRAS
        )
        return self.add(node).outputs["transformed_examples"], node.outputs["transform_graph"]

    def our_transform(self, examples: Any, schema: Any) -> tuple[Any, Any]:
        node = self.add(SequenceTransform(examples=examples, schema=schema, **NO_EXTRAS))
        return node.outputs["transformed_examples"], node.outputs["transform_graph"]

    def stock_trainer(self, transformed: Any, graph: Any) -> None:
        node = tfx.components.Trainer(
            run_fn="support.stock_user_code.run_fn",
            examples=transformed,
            transform_graph=graph,
            train_args=tfx.proto.TrainArgs(),
            eval_args=tfx.proto.EvalArgs(),
        )
        self.push(self.add(node).outputs["model"])

    def our_trainer(self, transformed: Any, graph: Any, examples: Any, labels: list[str] | None = None) -> None:
        node = SequenceTrainer(
            examples=transformed,
            transform_graph=graph,
            model=ModelConfig(cell="rnn", bidirectional=False, units=4, embedding_dim=4),
            training=TrainingConfig(epochs=1),
            labels=labels,
        )
        model = self.add(node).outputs["model"]
        evaluator = tfx.components.Evaluator(
            examples=examples, model=model, eval_config=make_eval_config(SPEC), example_splits=["eval"]
        )
        self.push(model, model_blessing=self.add(evaluator).outputs["blessing"])

    def push(self, model: Any, **blessing: Any) -> None:
        filesystem = tfx.proto.PushDestination.Filesystem(base_directory=f"{self._folder}/serving")
        self.add(
            tfx.components.Pusher(
                model=model, push_destination=tfx.proto.PushDestination(filesystem=filesystem), **blessing
            )
        )


def run(folder: Path, nodes: Nodes) -> Path:
    """Runs the pipeline. Returns the folder of the model that it pushed."""
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{folder}/metadata.sqlite")
    before = set(folder.glob("serving/*"))
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="plugging_in",
            pipeline_root=f"{folder}/root",
            metadata_connection_config=metadata,
            components=nodes.all,
            enable_cache=True,
            beam_pipeline_args=BEAM_ARGS,
        )
    )
    (pushed,) = set(folder.glob("serving/*")) - before
    return pushed


@pytest.fixture(scope="module")
def table(root: Path) -> dict[tuple[str, str], str]:
    """(component, column) to what the document says."""
    text, *_ = (root / "docs" / "plugging_in.md").read_text(encoding="utf-8").split("\n## ")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", text, re.M)]
    header, _, *body = rows
    return {(row[0].strip("`"), column): cell for row in body for column, cell in zip(header[1:], row[1:], strict=True)}


ALONE, STOCK = "with stock components otherwise", "stock component in its place"
RUNS = "runs"


def check_stock_model(pushed: Path) -> None:
    """A stock Trainer has read all that there was."""
    assert json.loads((pushed / stock_user_code.SEEN).read_text()) == {
        "records": len(SENTENCES["train"]),
        "steps": STEPS,
    }


def check_our_model(pushed: Path, *more_labels: bytes) -> None:
    """What was pushed answers, with labels of the data and nothing at padded steps."""
    serve = tf.saved_model.load(str(pushed)).signatures["serve_sequences"]
    answer = serve(words=tf.constant([["cat", "runs"], ["new", ""]]), lengths=tf.constant([2, 1], tf.int64))
    tags = answer["tags"].numpy()
    assert set(tags[0]) | {tags[1, 0]} <= {b"N", b"V", *more_labels}
    assert tags[1, 1] == b""


def check_flat_model(pushed: Path, *records: dict[str, list[str]]) -> None:
    """What was pushed answers tf.Examples without labels, the first of two steps and the second of one."""
    serve = tf.saved_model.load(str(pushed)).signatures["serving_default"]
    answer = serve(examples=tf.constant([flat(record) for record in records]))
    tags = answer["tags"].numpy()
    assert answer["lengths"].numpy().tolist() == [2, 1]
    assert set(tags[0]) | {tags[1, 0]} <= {b"N", b"V"}
    assert tags[1, 1] == b""


def test_example_gen_of_ours_alone(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.our_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.written_schema()
    nodes.stock_validator(statistics, schema)
    nodes.stock_trainer(*nodes.stock_transform(examples, schema))
    check_stock_model(run(folder, nodes))
    assert table["SequenceExampleGen", ALONE] == RUNS


def test_schema_gen_of_ours_alone(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.our_schema_gen(statistics)
    nodes.stock_validator(statistics, schema)
    nodes.stock_trainer(*nodes.stock_transform(examples, schema))
    check_stock_model(run(folder, nodes))
    assert table["SequenceSchemaGen", ALONE] == RUNS


def test_validator_of_ours_alone(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.written_schema()
    nodes.our_validator(statistics, schema, examples)
    nodes.stock_trainer(*nodes.stock_transform(examples, schema))
    check_stock_model(run(folder, nodes))
    assert table["SequenceExampleValidator", ALONE] == RUNS


def test_transform_of_ours_alone(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_example_gen()
    schema = nodes.written_schema()
    nodes.stock_trainer(*nodes.our_transform(examples, schema))
    check_stock_model(run(folder, nodes))
    assert table["SequenceTransform", ALONE] == RUNS


def test_example_gen_of_stock_among_ours(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.our_schema_gen(statistics)
    nodes.our_validator(statistics, schema, examples)
    nodes.our_trainer(*nodes.our_transform(examples, schema), examples)
    check_our_model(run(folder, nodes))
    assert table["SequenceExampleGen", STOCK] == RUNS


def test_validator_of_stock_among_ours(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.our_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.our_schema_gen(statistics)
    nodes.stock_validator(statistics, schema)
    nodes.our_trainer(*nodes.our_transform(examples, schema), examples)
    check_our_model(run(folder, nodes))
    assert table["SequenceExampleValidator", STOCK] == "runs; an anomaly does not stop the pipeline"


def test_trainer_of_stock_among_ours(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.our_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.our_schema_gen(statistics)
    nodes.our_validator(statistics, schema, examples)
    nodes.stock_trainer(*nodes.our_transform(examples, schema))
    check_stock_model(run(folder, nodes))
    assert table["SequenceTrainer", STOCK] == "runs; your `run_fn` must pad and mask"


NEEDS_LABELS = 'needs `labels=["tags"]`'


def test_schema_gen_of_stock_among_ours(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.our_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.stock_schema_gen(statistics)
    nodes.our_validator(statistics, schema, examples)
    nodes.our_trainer(*nodes.our_transform(examples, schema), examples, labels=["tags"])
    check_our_model(run(folder, nodes), b"[OOV]")
    assert table["SequenceSchemaGen", STOCK] == f"runs; `SequenceTrainer` {NEEDS_LABELS}"


def test_trainer_of_ours_alone(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_flat_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.stock_schema_gen(statistics)
    nodes.stock_validator(statistics, schema)
    nodes.our_trainer(*nodes.stock_transform(examples, schema), examples, labels=["tags"])
    pushed = run(folder, nodes)
    check_our_model(pushed)
    check_flat_model(pushed, {"words": ["cat", "runs"]}, {"words": ["new"]})
    assert table["SequenceTrainer", ALONE] == f"runs; {NEEDS_LABELS}"


def test_trainer_of_ours_alone_on_csv(folder: Path) -> None:
    nodes = Nodes(folder)
    examples = nodes.stock_csv_example_gen()
    schema = nodes.stock_schema_gen(nodes.statistics(examples))
    transformed, graph = nodes.stock_transform(examples, schema, "preprocess_text")
    nodes.our_trainer(transformed, graph, examples, labels=["tags"])
    pushed = run(folder, nodes)
    check_flat_model(pushed, {"words": ["cat runs"]}, {"words": ["new"]})
    assert "serve_sequences" not in tf.saved_model.load(str(pushed)).signatures, "a text is no padded sequence"


def test_transform_of_stock_among_ours(folder: Path, table: dict[tuple[str, str], str]) -> None:
    nodes = Nodes(folder)
    examples = nodes.our_example_gen()
    statistics = nodes.statistics(examples)
    schema = nodes.our_schema_gen(statistics)
    nodes.our_validator(statistics, schema, examples)
    nodes.our_trainer(*nodes.stock_transform(examples, schema), examples)
    check_our_model(run(folder, nodes))
    assert table["SequenceTransform", STOCK] == RUNS
