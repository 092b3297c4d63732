import re

import pytest

from tfx_sequence.components.sequence_example_validator.data_files import find_splits


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
    folder = touch("Split-train/data-00001-of-00002.gz", "Split-train/data-00000-of-00002.gz", "Split-test/data.gz")
    assert relative(find_splits(str(folder)), folder) == {
        "test": ["Split-test/data.gz"],
        "train": ["Split-train/data-00000-of-00002.gz", "Split-train/data-00001-of-00002.gz"],
    }


def test_files_of_a_folder_are_splits_by_their_names(touch):
    folder = touch("train-00000-of-00002.tfrecord.gz", "train-00001-of-00002.tfrecord.gz", "dev.tfrecord", "other/x.gz")
    assert relative(find_splits(str(folder)), folder) == {
        "dev": ["dev.tfrecord"],
        "train": ["train-00000-of-00002.tfrecord.gz", "train-00001-of-00002.tfrecord.gz"],
    }


def test_pattern_and_file_are_taken_as_they_are(touch):
    folder = touch("a.gz", "b.gz", "c.txt")
    assert list(find_splits(f"{folder}/*.gz")) == ["a", "b"]
    assert relative(find_splits(f"{folder}/c.txt"), folder) == {"c": ["c.txt"]}


@pytest.mark.parametrize("name", ["missing", "*.gz", "."])
def test_no_file_is_refused(tmp_path, name):
    with pytest.raises(
        FileNotFoundError, match=re.escape(f"no file of examples at '{tmp_path}/{name}'; expected a TFR")
    ):
        find_splits(f"{tmp_path}/{name}")
