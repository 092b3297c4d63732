import json

import pytest
from tfx.components.example_gen import driver
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen, SequenceExampleGenSpec
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.executor import Executor, list_splits, make_request
from tfx_sequence.components.sequence_example_gen.files.source import NoInputError
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"tokens": Feature(kind="token"), "tag": Feature(kind="categorical", context=True)})
READ = ReadConfig(format="jsonl")
INPUTS = example_gen_pb2.Input(
    splits=[
        example_gen_pb2.Input.Split(name="train", pattern="train.jsonl"),
        example_gen_pb2.Input.Split(name="dev", pattern="dev-*.jsonl"),
    ]
)


class Reads(dict):
    """Properties that note which of them are looked at."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen = set()

    def __getitem__(self, key):
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.seen.add(key)
        return super().get(key, default)


def properties(component):
    """What the launcher gives the executor."""
    values = component.spec.exec_properties
    return Reads({key: value for key, value in values.items() if value is not None})


def make_examples(path):
    examples = standard_artifacts.Examples()
    examples.uri = str(path)
    return examples


def fill(folder, **files):
    for name, numbers in files.items():
        lines = (json.dumps({"tokens": ["a"] * n, "tag": "x"}) for n in numbers)
        (folder / f"{name.replace('_', '-')}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def test_component_is_a_stock_file_based_example_gen(tmp_path):
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ)
    assert isinstance(component, FileBasedExampleGen)
    assert issubclass(component.DRIVER_CLASS, driver.FileBasedDriver)
    assert component.outputs["examples"].type is standard_artifacts.Examples
    assert component.id == "SequenceExampleGen"


def request_of(values, folder):
    examples = make_examples(folder)
    examples.split_names = artifact_utils.encode_split_names(list_splits(values))
    return make_request(values, examples)


def test_executor_reads_just_the_properties_that_are_declared(tmp_path):
    fill(tmp_path, data=range(1, 9))
    read = properties(SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ))
    Executor().Do({}, {"examples": [make_examples(tmp_path / "out")]}, read)
    # Stock's driver reads `range_config`; `custom_config` is stock's way to pass what we pass by name. Fingerprints are
    # only compared, by TFX.
    unread = {"range_config", "custom_config", contract.CODE, contract.INPUT_FILES}
    assert read.seen == set(SequenceExampleGenSpec.PARAMETERS) - unread


def test_settings_arrive_at_the_executor_as_they_were_given(tmp_path):
    fill(tmp_path, data=[1])
    read = ReadConfig(format="jsonl", on_bad_record="reject", max_reject_fraction=0.5)
    split = SplitConfig(shares={"train": 8, "eval": 1, "test": 1}, features=("tag",))
    write = WriteConfig(num_shards=3, shuffle=False, compression_level=1)
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=read, split=split, write=write)
    request = request_of(properties(component), tmp_path / "out")
    assert (request.spec, request.read, request.split, request.write) == (SPEC, read, split, write)
    assert list(request.split_folders) == ["train", "eval", "test"]


def test_one_input_is_split_as_stock_does_when_no_split_is_given(tmp_path):
    fill(tmp_path, data=[1])
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ)
    request = request_of(properties(component), tmp_path / "out")
    assert request.split.shares == {"train": 2, "eval": 1}


def test_given_splits_keep_their_records(tmp_path):
    fill(tmp_path, train=[1, 2, 3], dev_a=[4], dev_b=[5])
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ, input_config=INPUTS)
    examples = make_examples(tmp_path / "out")
    Executor().Do({}, {"examples": [examples]}, properties(component))
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "dev"]
    assert examples.get_int_custom_property("records_accepted") == 5


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (READ, (0, 0)),
        (ReadConfig(format="jsonl", max_length=9, on_long="truncate"), (0, 9)),
        (ReadConfig(format="jsonl", max_length=9, on_long="reject"), (0, 0)),
        (ReadConfig(format="text", options={"window": 2}), (1, 0)),
        (ReadConfig(format="text"), (0, 0)),
    ],
)
def test_examples_say_where_records_may_be_cut(tmp_path, read, expected):
    fill(tmp_path, data=range(1, 9))
    spec = SequenceSpec(features={"x": Feature(kind="token", source="step")}) if read.format == "text" else SPEC
    component = SequenceExampleGen(input_base=str(tmp_path), spec=spec, read=read)
    examples = make_examples(tmp_path / "out")
    Executor().Do({}, {"examples": [examples]}, properties(component))
    assert (
        tuple(examples.get_int_custom_property(name) for name in (contract.IN_PIECES, contract.TRUNCATED_TO))
        == expected
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"read": ReadConfig(format="conlu")}, "`format` is 'conlu', expected one of .*conllu.*jsonl"),
        ({"read": ReadConfig(format="jsonl", options={"x": 1})}, "x"),
        ({"split": SplitConfig(), "input_config": INPUTS}, r"several inputs \(train, dev\)"),
        ({"split": SplitConfig(features=("user",))}, "names 'user'; the spec has tokens, tag"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_the_run(change, message):
    with pytest.raises(ValueError, match=message):
        SequenceExampleGen(**{"input_base": "data", "spec": SPEC, "read": READ, **change})


def test_a_missing_file_is_named(tmp_path):
    fill(tmp_path, train=[1])
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ, input_config=INPUTS)
    with pytest.raises(NoInputError, match=r"no file in .* matches 'dev-\*\.jsonl'; check `input_base`"):
        Executor().Do({}, {"examples": [make_examples(tmp_path / "out")]}, properties(component))
    assert not (tmp_path / "out").exists()


def test_a_bad_record_raises_its_own_error_out_of_the_executor(tmp_path):
    (tmp_path / "data.jsonl").write_text('{"tokens": ["a"]}\n')
    component = SequenceExampleGen(input_base=str(tmp_path), spec=SPEC, read=READ)
    with pytest.raises(BadRecordError, match="missing_feature: the feature `tag` is not in the record"):
        Executor().Do({}, {"examples": [make_examples(tmp_path / "out")]}, properties(component))


def test_parameters_are_those_of_stock_and_ours():
    ours = {contract.SEQUENCE_SPEC, contract.READ_CONFIG, contract.SPLIT_CONFIG, contract.WRITE_CONFIG}
    ours |= {contract.CODE, contract.INPUT_FILES}
    assert set(SequenceExampleGenSpec.PARAMETERS) == set(FileBasedExampleGen.SPEC_CLASS.PARAMETERS) | ours
    assert not any(isinstance(value, RuntimeParameter) for value in SequenceExampleGenSpec.PARAMETERS.values())


@pytest.mark.parametrize(
    ("pattern", "span"), [("span-{SPAN:2}/v{VERSION}/*.jsonl", 7), ("{YYYY}-{MM}-{DD}/v{VERSION}/*.jsonl", 18_993)]
)
def test_stock_driver_finds_the_latest_span_and_version(pattern, span, tmp_path):
    for folder in ("span-03/v1", "span-07/v1", "span-07/v2", "2021-12-31/v9", "2022-01-01/v2"):
        (tmp_path / folder).mkdir(parents=True)
        fill(tmp_path / folder, data=[len(folder)] * 8)
    component = SequenceExampleGen(
        input_base=str(tmp_path),
        spec=SPEC,
        read=READ,
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern=pattern)]),
    )
    resolved = component.DRIVER_CLASS(None).resolve_exec_properties(properties(component), None, None)
    assert (resolved["span"], resolved["version"]) == (span, 2)
    (file,) = request_of(resolved, tmp_path / "out").files
    assert file.path == str(tmp_path / ("span-07/v2" if span == 7 else "2022-01-01/v2") / "data.jsonl")
