import re

import pytest

from tfx_sequence.components.sequence_example_validator.examination.data_files import NoDataError, find_splits


@pytest.fixture
def touch(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return make


def relative(splits, folder):
    return {split: [path.removeprefix(f"{folder}/") for path in paths] for split, paths in splits.items()}


def test_folder_of_an_examples_artifact_has_its_splits(touch):
    folder = touch("Split-train/data-00001-of-00002.gz", "Split-train/data-00000-of-00002.gz", "Split-mine/data.gz")
    touch("Rejects/rejects.jsonl")
    (folder / "Split-empty").mkdir()
    assert relative(find_splits(str(folder)), folder) == {
        "empty": [],
        "mine": ["Split-mine/data.gz"],
        "train": ["Split-train/data-00000-of-00002.gz", "Split-train/data-00001-of-00002.gz"],
    }


def test_files_of_a_folder_are_splits_by_their_names(touch):
    folder = touch("train-00000-of-00002.tfrecord.gz", "train-00001-of-00002.tfrecord.gz", "dev.tfrecord", "other/x.gz")
    touch(".hidden", "_staging")
    assert relative(find_splits(str(folder)), folder) == {
        "dev": ["dev.tfrecord"],
        "train": ["train-00000-of-00002.tfrecord.gz", "train-00001-of-00002.tfrecord.gz"],
    }


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("tr_imst-ud-train.conllu", "train"),
        ("JapaneseVowels_TEST.ts", "test"),
        ("valid/data.jsonl", "valid"),
        ("Split-eval/data_tfrecord-00000-of-00001.gz", "eval"),
        ("web.conllu", "web"),
        ("retrain.jsonl", "retrain"),
        ("a.b.jsonl", "a.b"),
        ("btc.train", "train"),
        ("x.dev.conll", "dev"),
        ("x.TEST-00000-of-00002.csv.gz", "test"),
        ("train.notes.conllu", "train"),
        ("train/a.dev", "dev"),
        ("corpus/.x/y", "y"),
        ("y.v1.jsonl.zst", "y.v1"),
    ],
)
def test_name_says_the_split(touch, name, split):
    assert list(find_splits(str(touch(name) / name))) == [split]


def test_only_shards_of_one_file_are_joined(touch):
    folder = touch(
        "a.v1.csv", "a.v2.csv", "b.csv", "b.json", "c-00000-of-00002.gz", "c-00001-of-00002.gz", "w.1", "w.2"
    )
    assert relative(find_splits(str(folder)), folder) == {
        "a.v1": ["a.v1.csv"],
        "a.v2": ["a.v2.csv"],
        "b.csv": ["b.csv"],
        "b.json": ["b.json"],
        "c": ["c-00000-of-00002.gz", "c-00001-of-00002.gz"],
        "w.1": ["w.1"],
        "w.2": ["w.2"],
    }


def test_folder_says_the_split_of_files_that_belong_together(touch):
    folder = touch("train/seq.in", "train/label", "other/label", "README.txt")
    assert relative(find_splits(str(folder), by_folder=True), folder) == {
        "other": ["other/label"],
        "train": ["train/label", "train/seq.in"],
    }
    assert list(find_splits(f"{folder}/train", by_folder=True)) == ["train"]


def test_patterns_and_files_are_taken_as_they_are(touch):
    folder = touch("a.gz", "b.gz", "c.txt", "d[1].txt")
    assert list(find_splits(f"{folder}/*.gz", f"{folder}/c.txt", f"{folder}/a.gz")) == ["a", "b", "c"]
    assert relative(find_splits(f"{folder}/d[1].txt"), folder) == {"d[1]": ["d[1].txt"]}


@pytest.mark.parametrize("name", ["missing", "*.gz", "."])
def test_no_file_is_refused(tmp_path, name):
    with pytest.raises(NoDataError, match=re.escape(f"no file at '{tmp_path}/{name}'; expected a file, a pattern")):
        find_splits(f"{tmp_path}/{name}")
