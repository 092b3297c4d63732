"""Morphemes of words, any number of them in a step, from JSON Lines to the answers of the exported model."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.pipeline import create_pipeline
from tfx_sequence.pipeline.runs import runner
from tfx_sequence.pipeline.runs.display import make_display
from tfx_sequence.schemas.records.examples import decode, encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

pytestmark = pytest.mark.slow

CONFIG = """
[pipeline]
name = "nested"

[data]
input = "data"
format = "jsonl"
files = { train = "train.jsonl", eval = "eval.jsonl", test = "test.jsonl" }

[features]
morphemes = { kind = "token", nested = true }
notes = { kind = "token", nested = true, role = "carried" }
tags = { kind = "categorical", role = "label" }

[transform.morphemes]
lowercase = true

[model]
units = 12
characters = { embedding_dim = 12, units = 16 }

[training]
epochs = 12
batch_tokens = 64
learning_rate = 0.02
"""

STEMS = ["ev", "Göz", "yol", "\U0001f600", ""]
TAGS = {"lar": "PLUR", "da": "LOC", "": "EMPTY"}


def _record(rng: random.Random) -> dict[str, Any]:
    """The last morpheme of a word says what the word is; a word without any is nothing."""
    morphemes = [
        rng.choice([[], [rng.choice(STEMS), last], [rng.choice(STEMS), rng.choice(STEMS), last]])
        for last in rng.choices([*TAGS], k=rng.randint(1, 7))
    ]
    tags = [TAGS[word[-1]] if word else "NONE" for word in morphemes]
    return {"morphemes": morphemes, "notes": [word[:1] for word in morphemes], "tags": tags}


class Project(NamedTuple):
    """A pipeline that has run.

    Attributes:
      folder: Of the config and the data.
      artifacts: What the run left.
      records: What was read, by split.
    """

    folder: Path
    artifacts: Path
    records: dict[str, list[dict[str, Any]]]

    def output(self, component: str, name: str) -> str:
        (path,) = (self.artifacts / component / name).iterdir()
        return str(path)

    @property
    def model(self) -> str:
        return f"{self.output('SequenceTrainer', 'model')}/Format-Serving"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("nested")
    (folder / "data").mkdir()
    rng = random.Random(1)
    records = {
        split: [_record(rng) for _ in range(count)] for split, count in {"train": 150, "eval": 30, "test": 30}.items()
    }
    for split, rows in records.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "pipeline.toml").write_text(CONFIG, encoding="utf-8")
    config = load_config(str(folder / "pipeline.toml"))
    with make_display(io.StringIO()) as display:
        result = runner.run(create_pipeline(config), display)
    assert result.error is None, result.error
    return Project(folder, Path(config.pipeline.artifacts_dir), records)


def test_model_learns_what_the_morphemes_of_a_word_tell(project: Project) -> None:
    serve = tf.saved_model.load(project.model)
    spec = SequenceSpec(features={"morphemes": Feature(kind="token", nested=True)})
    rows = project.records["test"]
    answers = serve.signatures["serving_default"](examples=tf.constant([encode(spec, row) for row in rows]))
    found = [tag for row, tags in zip(rows, answers["tags"].numpy(), strict=True) for tag in tags[: len(row["tags"])]]
    expected = [tag.encode() for row in rows for tag in row["tags"]]
    assert np.mean([one == other for one, other in zip(found, expected, strict=True)]) > 0.95


def test_padded_morphemes_get_the_same_answers_with_empty_ones_among_them(project: Project) -> None:
    serve = tf.saved_model.load(project.model)
    spec = SequenceSpec(features={"morphemes": Feature(kind="token", nested=True)})
    rows = project.records["test"]
    steps, values = max(len(row["tags"]) for row in rows) + 1, 5
    padded = np.full([len(rows), steps, values], "", object)
    counts = np.zeros([len(rows), steps], np.int64)
    for at, row in enumerate(rows):
        for step, word in enumerate(row["morphemes"]):
            counts[at, step] = len(word)
            padded[at, step, : len(word)] = word
    assert any(word[-1:] == [""] for row in rows for word in row["morphemes"])
    lengths = tf.constant([len(row["tags"]) for row in rows], tf.int64)
    of_padded = serve.signatures["serve_sequences"](
        **{"morphemes": tf.constant(padded), "morphemes/lengths": tf.constant(counts), "lengths": lengths}
    )
    of_examples = serve.signatures["serving_default"](examples=tf.constant([encode(spec, row) for row in rows]))
    np.testing.assert_array_equal(of_padded["tags"], of_examples["tags"])
    np.testing.assert_allclose(of_padded["tags_score"], of_examples["tags_score"], atol=1e-6)


def test_served_ids_are_those_that_training_read(project: Project) -> None:
    graph = tft.TFTransformOutput(project.output("SequenceTransform", "transform_graph"))
    task = SequenceTask.load(graph)
    assert [(item.name, item.nested) for item in task.inputs] == [("morphemes", True)]
    files = tf.io.gfile.glob(project.output("SequenceExampleGen", "examples") + "/Split-train/*")
    raw = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    files = tf.io.gfile.glob(project.output("SequenceTransform", "transformed_examples") + "/Split-train/*")
    written = sorted(
        [list(step.int64_list.value) for step in row.feature_lists.feature_list["morphemes"].feature]
        for row in map(tf.train.SequenceExample.FromString, tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    )
    batch = tf.saved_model.load(project.model).signatures["transform_features"](examples=tf.constant(raw))
    counts, lengths = batch["morphemes/lengths"].numpy(), batch["lengths"].numpy()
    ids = batch["morphemes"].numpy()
    served = sorted(
        [ids[row, step, : counts[row, step]].tolist() for step in range(length)] for row, length in enumerate(lengths)
    )
    assert served == written
    spec = SequenceSpec(features={"morphemes": Feature(kind="token", nested=True)})
    decoded = sorted(decode(spec, record)["morphemes"] for record in raw)
    assert decoded == sorted(row["morphemes"] for row in project.records["train"])


def test_files_of_records_are_answered(project: Project, tmp_path: Path) -> None:
    data, config = str(project.folder / "data" / "test.jsonl"), str(project.folder / "pipeline.toml")
    rows = project.records["test"]
    for form, more in (("jsonl", []), ("tfrecord", ["--config", config])):
        out = tmp_path / form
        arguments = ["predict", project.model, "--input", data, "--output", str(out), "--to", form, *more]
        assert main(arguments) == 0
    (file,) = (tmp_path / "jsonl").iterdir()
    answers = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [answer["morphemes"] for answer in answers] == [row["morphemes"] for row in rows]
    assert [len(answer["tags"]) for answer in answers] == [len(row["tags"]) for row in rows]
    (file,) = (tmp_path / "tfrecord").iterdir()
    spec = SequenceSpec(features={name: Feature(kind="token", nested=True) for name in ("morphemes", "notes")})
    read = [decode(spec, record) for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
    assert read == [{name: row[name] for name in spec.features} for row in rows]


def test_data_of_nested_features_is_valid_and_described(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    folder = project.folder / "data"
    assert main(["validate", str(folder / "train.jsonl"), "--feature", "morphemes=token,nested=true"]) == 0
    shown = capfd.readouterr().out
    assert "morphemes (token, input, nested)" in shown
