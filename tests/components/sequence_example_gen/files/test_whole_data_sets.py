import os

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts

from tfx_sequence.components.compat import artifacts
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect
from tfx_sequence.components.sequence_example_gen.files.source import find_files
from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
from tfx_sequence.components.sequence_example_validator.executor import _list_files as list_validated_files
from tfx_sequence.components.sequence_trainer.job import _list_files as list_training_files
from tfx_sequence.components.sequence_transform.records.reading import SequenceRecord
from tfx_sequence.schemas.contract import UNFINISHED
from tfx_sequence.schemas.records.shards import IncompleteDataError
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"x": Feature(kind="token")})


def convert_files(folder, output):
    convert([f"{folder}/Split-train/*"], str(output), spec=SPEC, read=ReadConfig(format="sequence_example"))


def list_files_of_validator(folder):
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    examples.split_names = '["train"]'
    artifacts.set_payload_format(examples, example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE)
    return list_validated_files(examples, ["train"])


READERS = {
    "find_files": lambda folder, _: find_files(f"{folder}/Split-train/*"),
    "find_splits of an artifact": lambda folder, _: find_splits(str(folder)),
    "find_splits of a pattern": lambda folder, _: find_splits(f"{folder}/Split-train/data*"),
    "find_splits of names": lambda folder, _: find_splits(*map(str, (folder / "Split-train").iterdir())),
    "inspect": lambda folder, _: inspect(str(folder)),
    "convert": convert_files,
    "convert of names": lambda folder, output: convert(
        map(str, (folder / "Split-train").iterdir()),
        str(output),
        spec=SPEC,
        read=ReadConfig(format="sequence_example"),
    ),
    "validator": lambda folder, _: list_files_of_validator(folder),
    "trainer": lambda folder, _: list_training_files([f"{folder}/Split-train/*"]),
    "transform": lambda folder, _: SequenceRecord(
        f"{folder}/Split-train/*", ["test"], schema=schema_pb2.Schema()
    ).BeamSource(),
}
READ_MARKS = {name: read for name, read in READERS.items() if name not in ("validator", "trainer", "transform")}
"""The readers of folders that commands have written. TFX gives a component only folders that are finished."""


@pytest.fixture
def folder(tmp_path):
    """A data set of 4 files in a folder."""
    (tmp_path / "a.jsonl").write_text('{"x": ["a"]}\n' * 8)
    convert(
        {"train": [str(tmp_path / "a.jsonl")]},
        str(tmp_path / "data"),
        spec=SPEC,
        read=ReadConfig(format="jsonl"),
        write=WriteConfig(num_shards=4, shuffle=False),
    )
    return tmp_path / "data"


def test_every_reader_reads_a_whole_data_set_and_refuses_a_part_of_it(folder, tmp_path):
    for number, read in enumerate(READERS.values()):
        read(folder, tmp_path / f"whole{number}")
    os.remove(folder / "Split-train" / "data_tfrecord-00002-of-00004.gz")
    for number, read in enumerate(READERS.values()):
        with pytest.raises(IncompleteDataError, match=r"00002-of-00004\.gz is missing"):
            read(folder, tmp_path / f"part{number}")


def test_every_reader_refuses_a_folder_that_is_being_written(folder, tmp_path):
    (folder / UNFINISHED).touch()
    for number, read in enumerate(READ_MARKS.values()):
        with pytest.raises(IncompleteDataError, match=f"a file {folder}/{UNFINISHED}"):
            read(folder, tmp_path / f"part{number}")


def test_name_of_one_file_reads_this_file(folder, tmp_path):
    shard = str(folder / "Split-train" / "data_tfrecord-00002-of-00004.gz")
    assert find_files(shard) == [shard]
    assert find_splits(shard) == {"train": [shard]}
    convert([shard], str(tmp_path / "one"), spec=SPEC, read=ReadConfig(format="sequence_example"))
