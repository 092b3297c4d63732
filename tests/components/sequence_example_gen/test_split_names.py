import json

import pytest
from tfx.proto import example_gen_pb2

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.pipeline.config.tables import DataConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"x": Feature(kind="token")})
READ = ReadConfig(format="jsonl")
BAD_NAMES = ["", "x/../../../precious", "x\\y", "a b", "a#b", "$a", "*", "a?", "[a]", "a\n", "a\x00"]
IDS = list(map(ascii, BAD_NAMES))


@pytest.mark.parametrize("name", BAD_NAMES, ids=IDS)
def test_name_that_cannot_name_a_folder_is_refused_in_shares(name):
    with pytest.raises(ValueError, match="would be part of the name of a folder"):
        SplitConfig(shares={"train": 1, name: 1})


@pytest.mark.parametrize("name", BAD_NAMES, ids=IDS)
@pytest.mark.parametrize("key", ["files", "split"])
def test_name_that_cannot_name_a_folder_is_refused_in_a_config(tmp_path, key, name):
    values = {"format": "jsonl", "input": str(tmp_path), "files": "*.jsonl"}
    value = {"train": "a", name: "b"} if key == "files" else {"shares": {"train": 1, name: 1}}
    with pytest.raises(ValueError, match="would be part of the name of a folder"):
        DataConfig(**{**values, key: value})


@pytest.mark.parametrize("name", BAD_NAMES, ids=IDS)
def test_name_that_cannot_name_a_folder_is_refused_by_the_component(tmp_path, name):
    splits = [example_gen_pb2.Input.Split(name=each, pattern="*") for each in ("train", name)]
    with pytest.raises(ValueError, match="would be part of the name of a folder"):
        SequenceExampleGen(
            input_base=str(tmp_path), spec=SPEC, read=READ, input_config=example_gen_pb2.Input(splits=splits)
        )


def test_convert_deletes_no_folder_that_the_name_of_a_split_leads_to(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (tmp_path / "a.jsonl").write_text("no JSON")
    with pytest.raises(ValueError, match="would be part of the name of a folder"):
        convert({"x/../../../precious": [str(tmp_path / "a.jsonl")]}, str(tmp_path / "a" / "out"), spec=SPEC, read=READ)
    assert (precious / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["train", "dev-2", "..", "über", "a.b_c"])
def test_other_names_are_accepted_and_name_one_folder(tmp_path, name):
    (tmp_path / "a.jsonl").write_text(json.dumps({"x": ["a"]}))
    SplitConfig(shares={name: 1})
    convert({name: [str(tmp_path / "a.jsonl")]}, str(tmp_path / "out"), spec=SPEC, read=READ)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"Split-{name}"]
