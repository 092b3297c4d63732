import argparse
import gzip
import re

import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_validator.examination.data_files import NoDataError
from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.datasets.arguments import add_data_arguments
from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Files and arguments to data, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(files, *argv, paths=(".",), spec=None):
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        parser = argparse.ArgumentParser()
        add_data_arguments(parser)
        return read_data_arguments(parser.parse_args(argv), list(paths), spec)

    return run


@pytest.mark.parametrize(
    ("files", "format_"),
    [
        (["a.jsonl"], "jsonl"),
        (["a.jsonl.gz"], "jsonl"),
        (["a.CONLLU.zst", "README.txt"], "conllu"),
        (["train.tfrecord.gz"], "sequence_example"),
        (["data-00000-of-00001"], "sequence_example"),
    ],
)
def test_dataset_has_the_format_that_names_of_files_tell(read, files, format_):
    data = read(files)
    assert data.read == ReadConfig(format=format_)
    assert data.files == [f"./{files[0]}"]
    assert data.spec is None


@pytest.mark.parametrize(
    ("files", "format_"),
    [
        ({"README": b"About it.", "events": b'{"x": [1]}\n'}, "jsonl"),
        ({"events.log.gz": gzip.compress(b'{"x": [1]}\n')}, "jsonl"),
        ({"a.data": b" [1]"}, "json"),
        ({"a.conllup": b"# global.columns = ID\n" + b"1" + b"\t_" * 9}, "conllu"),
        ({"a": frame(b"")}, "sequence_example"),
        ({"a": b"\0\1"}, "sequence_example"),
    ],
)
def test_dataset_has_the_format_that_first_bytes_tell_when_names_do_not(read, files, format_, tmp_path):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert read([]).read.format == format_


@pytest.mark.parametrize(("data", "kind"), [(b"a,b\n1,2\n", "text"), (b"PK\x03\x04" + bytes(99), "a zip archive")])
def test_dataset_is_refused_when_neither_names_nor_first_bytes_tell_a_format(read, data, kind, tmp_path):
    (tmp_path / "a.dat").write_bytes(data)
    with pytest.raises(CommandError, match=rf"say its format \(it is {kind}\); name the format with --format"):
        read([])


def test_dataset_has_the_format_of_the_argument_when_names_tell_another(read):
    assert read(["a.jsonl", "b.txt"], "--format", "text").read.format == "text"
    assert read(["a.jsonl", "b.txt"], "--format", "jsonl").files == ["./a.jsonl"]


def test_dataset_lists_files_of_train_first(read):
    assert read(["dev.jsonl", "train.jsonl", "a.jsonl"]).files == ["./train.jsonl", "./a.jsonl", "./dev.jsonl"]


def test_dataset_has_features_and_options_of_the_arguments(read):
    data = read(
        ["a.csv"],
        *("--feature", "x=vector,width=2,source=the x"),
        *("--feature", "id=token,role=key,context=true"),
        *("--option", "group_by=user,session", "--option", "delimiter=;", "--option", 'order_by=["t"]'),
        *("--option", "names=,", "--option", "n=5"),
    )
    assert data.spec == SequenceSpec(
        features={
            "x": Feature(kind="vector", width=2, source="the x"),
            "id": Feature(kind="token", role="key", context=True),
        }
    )
    options = {"group_by": ["user", "session"], "delimiter": ";", "order_by": ["t"], "names": ",", "n": 5}
    assert data.read.options == options


def test_spec_of_a_schema_is_taken_when_no_feature_is_given(read):
    spec = SequenceSpec(features={"t": Feature(kind="token")})
    assert read(["a.jsonl"], spec=spec).spec == spec
    assert list(read([], "--feature", "x=float", spec=spec).spec.features) == ["x"]


def test_dataset_is_that_of_the_config_when_there_is_one(read, config_file):
    config_file.write_text(config_file.read_text() + '[data.split]\nby = "index"\n[validation]\nseverities = {}\n')
    data = read([], "--config", str(config_file), paths=())
    assert data.files == [str(config_file.parent / "corpus" / "a.conllu")]
    assert (data.read.format, list(data.spec.features), data.split.by) == ("conllu", ["tokens", "upos"], "index")
    other = read(["x/train.conllu"], "--config", str(config_file), paths=("x",))
    assert (other.splits, other.split, other.spec) == ({"train": ["x/train.conllu"]}, None, data.spec)


def test_dataset_takes_a_config_for_other_files_when_its_own_are_missing(read, config_file):
    (config_file.parent / "corpus" / "a.conllu").unlink()
    assert read(["b.conllu"], "--config", str(config_file)).files == ["./b.conllu"]
    with pytest.raises(ConfigError, match="no file in"):
        read([], "--config", str(config_file), paths=())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--feature", "tokens"], "--feature tokens: expected NAME=KIND, or NAME=KIND,KEY=VALUE,..."),
        (["--feature", "t=token,label"], "--feature t=token,label: expected NAME=KIND, or NAME=KIND,KEY=VALUE,..."),
        (["--feature", "t=word"], "--feature t=word: kind: Input should be 'token', "),
        (["--feature", "t=token,rol=label"], "--feature t=token,rol=label: rol: Extra inputs are not permitted"),
        (["--feature", "t=token,context=true"], "a spec needs at least one sequence feature"),
        (["--option", "x"], "--option x: expected KEY=VALUE"),
        (
            ["--config", "c.toml", "--format", "jsonl"],
            "--config already gives the format, the features and",
        ),
    ],
)
def test_dataset_is_refused_when_arguments_contradict_or_cannot_be_read(read, argv, message):
    with pytest.raises(CommandError, match=re.escape(message)):
        read(["a.jsonl"], *argv)


def test_dataset_is_refused_when_there_is_no_file_or_two_formats(read):
    with pytest.raises(NoDataError):
        read([], paths=("missing",))
    with pytest.raises(CommandError, match="no data is named"):
        read([], paths=())
    with pytest.raises(CommandError, match=re.escape("several formats (csv, jsonl); name one with --format")):
        read(["a.jsonl", "b.csv"])
