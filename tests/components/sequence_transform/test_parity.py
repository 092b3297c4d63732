"""One value, one id: on real data, the same wherever it is asked for.

The four ways: the materialised examples; the transform graph in Python; a SavedModel that was exported with it and is
loaded without this package's help, on raw strings; a vocabulary counted in plain Python.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_transform import VocabularyConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import Vocabulary, read_vocabulary

pytestmark = pytest.mark.slow

MIN_COUNT = 2
_LINE = str.maketrans({"\\": "\\\\"})

Records = dict[str, list[dict[str, Any]]]


class Data(NamedTuple):
    spec: SequenceSpec
    records: Records


def treebank(files: Any) -> Data:
    """Words and parts of speech; every tenth sentence is for evaluation."""
    spec = SequenceSpec(
        features={
            "words": Feature(kind="token"),
            "tags": Feature(kind="categorical", role="label"),
            "id": Feature(kind="token", role="key", context=True),
        }
    )
    records: Records = {"train": [], "eval": []}
    for path in files:
        for number, block in enumerate(Path(path).read_text(encoding="utf-8").strip().split("\n\n")):
            rows = [
                line.split("\t") for line in block.split("\n") if line[:1].isdigit() and "-" not in line.split("\t")[0]
            ]
            record = {
                "words": [row[1] for row in rows],
                "tags": [row[3] for row in rows],
                "id": f"{path.name}-{number}",
            }
            records["eval" if number % 10 == 9 else "train"].append(record)
    return Data(spec, records)


def snips(folder: Path) -> Data:
    """Words, slots and intents, in parallel files."""
    spec = SequenceSpec(
        features={
            "words": Feature(kind="token"),
            "tags": Feature(kind="categorical"),  # An input: evaluation has slots that training does not have.
            "intent": Feature(kind="categorical", role="label", context=True),
            "id": Feature(kind="token", role="key", context=True),
        }
    )

    def read(split: str) -> Iterator[dict[str, Any]]:
        lines = [(folder / split / name).read_text("utf-8").splitlines() for name in ("seq.in", "seq.out", "label")]
        for number, (words, tags, intent) in enumerate(zip(*lines, strict=True)):
            yield {"words": words.split(), "tags": tags.split(), "intent": intent, "id": f"{split}-{number}"}

    return Data(spec, {"train": list(itertools.islice(read("train"), 4000)), "eval": list(read("test"))})


@pytest.fixture(scope="module", params=["treebank", "snips"])
def data(request: pytest.FixtureRequest) -> Data:
    if request.param == "treebank":
        return treebank(request.getfixturevalue("treebank"))
    return snips(request.getfixturevalue("shared_data") / "snips_nlu")


@pytest.fixture(scope="module")
def run(data: Data, make_run: Callable[..., Any]) -> Any:
    settings = {"words": VocabularyConfig(min_count=MIN_COUNT)}
    run = make_run(data.spec, data.records, transform=settings, disable_statistics=True, disable_analyzer_cache=True)
    run.do()
    return run


@pytest.fixture(scope="module")
def exported(data: Data, run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The graph, saved as a trainer saves it, and loaded again: a function of strings `[N]`."""
    layer = run.graph.transform_features_layer()
    module = tf.Module()
    module.layer = layer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def ids(values: tf.Tensor) -> tf.Tensor:
        steps = tf.RaggedTensor.from_row_lengths(values, tf.ones_like(values, tf.int64))
        raw = tf.RaggedTensor.from_row_splits(steps, tf.stack([0, tf.size(values, out_type=tf.int64)]))
        return layer({"words": raw})["words"].flat_values

    module.ids = ids
    path = str(tmp_path_factory.mktemp("model"))
    tf.saved_model.save(module, path)
    return tf.saved_model.load(path)


def values(data: Data, split: str, name: str) -> list[list[bytes]]:
    """By record."""
    context = data.spec.features[name].context
    return [[v.encode() for v in ([row[name]] if context else row[name])] for row in data.records[split]]


def counted(data: Data, name: str) -> Vocabulary:
    """The vocabulary, as a few lines of Python make it."""
    counts = Counter(value for record in values(data, "train", name) for value in record)
    kept = [
        (n, v.decode().translate(_LINE).encode(), v) for v, n in counts.items() if name != "words" or n >= MIN_COUNT
    ]
    closed = data.spec.features[name].role == "label"
    return Vocabulary(tuple(value for *_, value in sorted(kept, reverse=True)), closed)


def written(run: Any, split: str, names: list[str]) -> dict[str, dict[str, list[int]]]:
    """The materialised ids, by feature and the records' `id`."""
    context = {name: tf.io.FixedLenFeature([1], tf.int64) for name in names if run.spec.features[name].context}
    context["id"] = tf.io.FixedLenFeature([], tf.string)
    steps = {name: tf.io.RaggedFeature(tf.int64) for name in names if name not in context}
    parsed = tf.io.parse_sequence_example(run.serialized(split), context, steps)
    keys = [key.decode() for key in parsed[0].pop("id").numpy()]
    rows = {name: value.numpy().tolist() for name, value in parsed[0].items()}
    rows |= {name: [[number for (number,) in row] for row in value.to_list()] for name, value in parsed[1].items()}
    return {name: dict(zip(keys, value, strict=True)) for name, value in rows.items()}


def test_ids_agree_one_by_one(data: Data, run: Any, exported: Any) -> None:
    names = [name for name in ("words", "tags", "intent") if name in data.spec.features]
    vocabularies = {name: counted(data, name) for name in names}
    for name, vocabulary in vocabularies.items():
        assert read_vocabulary(run.graph, name) == vocabulary
        assert run.graph.num_buckets_for_transformed_feature(name) == vocabulary.num_ids
    for split, rows in data.records.items():
        found = written(run, split, names)
        for name, vocabulary in vocabularies.items():
            expected = [vocabulary.look_up_ids(record) for record in values(data, split, name)]
            assert [found[name][row["id"]] for row in rows] == expected
        words = [value for record in values(data, split, "words") for value in record]
        assert exported.ids(tf.constant(words)).numpy().tolist() == vocabularies["words"].look_up_ids(words)
    assert vocabularies["words"].oov_id in vocabularies["words"].look_up_ids(words), "unseen words are part of it"
