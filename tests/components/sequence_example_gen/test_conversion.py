import json

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect
from tfx_sequence.components.sequence_example_gen.files import output_folder
from tfx_sequence.components.sequence_example_gen.files.source import NoInputError
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"x": Feature(kind="token"), "n": Feature(kind="integer", context=True)})
READ = ReadConfig(format="jsonl")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"x": ["a", "ü"][: 1 + n % 2], "n": n}) + "\n" for n in range(20)))
    return path


def test_convert_writes_one_folder_of_files_when_there_is_no_split(data, tmp_path):
    write = WriteConfig(num_shards=2, shuffle=False)
    read_counts = convert(
        [str(data), str(data.parent / "*.jsonl")], str(tmp_path / "out"), spec=SPEC, read=READ, write=write
    )
    assert read_counts.counts["records_read"] == 20
    paths = sorted(map(str, (tmp_path / "out").iterdir()))
    assert [path[-28:] for path in paths] == [f"data_tfrecord-0000{i}-of-00002.gz"[-28:] for i in range(2)]
    records = [decode(SPEC, item.numpy()) for item in tf.data.TFRecordDataset(paths, "GZIP")]
    assert [record["n"] for record in records] == list(range(20))


def test_convert_writes_a_folder_a_split(data, tmp_path):
    convert([str(data)], str(tmp_path / "out"), spec=SPEC, read=READ, split=SplitConfig())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Split-eval", "Split-train"]
    assert inspect(str(tmp_path / "out")).records == 20


def test_convert_never_touches_a_folder_that_holds_something(data):
    before = sorted(data.parent.iterdir())
    with pytest.raises(FileExistsError, match="is not empty"):
        convert([str(data)], str(data.parent), spec=SPEC, read=READ)
    assert sorted(data.parent.iterdir()) == before


def test_convert_leaves_nothing_when_it_fails(data, tmp_path):
    data.write_text("{\n")
    with pytest.raises(BadRecordError):
        convert([str(data)], str(tmp_path / "out"), spec=SPEC, read=READ)
    with pytest.raises(NoInputError):
        convert([str(tmp_path / "no*")], str(tmp_path / "out"), spec=SPEC, read=READ)
    assert not (tmp_path / "out").exists()


def list_all(folder):
    """Returns the relative path of each file and folder to its content, which is None for a folder."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize("has_splits", [False, True])
def test_convert_deletes_nothing_when_the_output_folder_holds_the_input(tmp_path, monkeypatch, has_splits):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proj" / "data").mkdir(parents=True)
    (tmp_path / "proj" / "data" / "a.jsonl").write_text('{"x": 1}\n')
    before = list_all(tmp_path)
    patterns = {"train": ["proj/data/a.jsonl"]} if has_splits else ["proj/data/a.jsonl"]
    with pytest.raises(FileExistsError, match="'proj' is not empty"):
        convert(patterns, "proj", spec=SPEC, read=READ)
    assert list_all(tmp_path) == before


def test_convert_neither_mixes_data_sets_nor_deletes_the_first_one(data, tmp_path):
    output = str(tmp_path / "out")
    convert({"train": [str(data)]}, output, spec=SPEC, read=READ)
    before = list_all(tmp_path)
    data.write_text("{")
    for patterns in ({"train": [str(data)]}, {"dev": [str(data)]}, [str(data)]):
        with pytest.raises(FileExistsError, match="is not empty"):
            convert(patterns, output, spec=SPEC, read=READ)
    data.write_bytes(before["data.jsonl"])
    assert list_all(tmp_path) == before


def test_convert_deletes_only_its_own_files_where_a_folder_cannot_be_moved(data, tmp_path, monkeypatch):
    monkeypatch.setattr(output_folder.os.path, "ismount", lambda path: True)
    data.write_text("{")
    # Beam takes a path for a pattern, and these match each other.
    for name in ("out[1]", "out1"):
        (tmp_path / name).mkdir()
    (tmp_path / "out1" / "_staging").mkdir()
    before = list_all(tmp_path)
    with pytest.raises(BadRecordError):
        convert([str(data)], str(tmp_path / "out[1]"), spec=SPEC, read=READ)
    assert list_all(tmp_path) == before
