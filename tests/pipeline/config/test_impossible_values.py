"""Values that cannot work are refused when a config or a command line is read, before any data is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pydantic
import pytest

from tfx_sequence.components.sequence_example_gen.readers.long_form import GroupOptions
from tfx_sequence.components.sequence_example_gen.readers.text import TextOptions
from tfx_sequence.components.sequence_trainer.config.tuning import TuningConfig
from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.schemas.spec import Feature, SequenceSpec

IMPOSSIBLE_NUMBERS = (math.inf, -math.inf, math.nan, 10**30, -(10**30))


def list_models(model: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    """Yields a model and the models of its tables."""
    yield model
    for field in model.model_fields.values():
        for inner in list_parts(field.annotation):
            if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
                yield from list_models(inner)


def list_parts(annotation: Any) -> Iterator[Any]:
    """Yields an annotation and all that stands in it: of `dict[str, int]`, also `str` and `int`."""
    yield annotation
    for part in get_args(annotation):
        yield from list_parts(part)


NUMBER_KEYS = sorted(
    {
        (model, key)
        for start in (Config, SequenceSpec, GroupOptions, TextOptions)
        for model in list_models(start)
        for key, field in model.model_fields.items()
        if {int, float} & set(list_parts(field.annotation))
    },
    key=str,
)
"""Every key of a config that is a number or holds numbers, with its table."""


def find_errors(model: type[pydantic.BaseModel], key: str, value: Any) -> list[Any]:
    """Returns the errors about one key, as TOML would give its value alone, in a list, and in a table."""
    errors = []
    for form in (value, [value], {"a": value}):
        with pytest.raises(pydantic.ValidationError) as raised:
            model.model_validate({key: form, "zzz": 0})
        errors.append([error for error in raised.value.errors() if error["loc"][:1] == (key,)])
    return errors


@pytest.mark.parametrize(("model", "key"), NUMBER_KEYS, ids=lambda part: getattr(part, "__name__", part))
def test_number_is_refused_when_nothing_can_have_its_size(model: type[pydantic.BaseModel], key: str) -> None:
    is_float = float in set(list_parts(model.model_fields[key].annotation))
    impossible = IMPOSSIBLE_NUMBERS[:3] if is_float else IMPOSSIBLE_NUMBERS
    for value in impossible:
        assert all(find_errors(model, key, value)), value


def test_keys_that_are_numbers_are_found() -> None:
    keys = {(model.__name__, key) for model, key in NUMBER_KEYS}
    assert {("PipelineTrainingConfig", "seed"), ("DataSplitConfig", "shares"), ("NumberConfig", "fill")} <= keys
    assert len(keys) > 50


def read_problems(file: Path, more: str) -> list[str]:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{more}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            '[features.lengths]\nkind = "float"',
            "features.lengths: 'lengths' is what batches call the numbers of steps; choose another name, and name the "
            "data's own with `source`",
        ),
        (
            '[features.lengths]\nkind = "float"\nrole = "weight"',
            "features.lengths: 'lengths' is what batches call the numbers of steps; choose another name, and name the "
            "data's own with `source`",
        ),
        (
            '[features.upos_id]\nkind = "categorical"\nrole = "label"',
            "features.upos_id: 'upos_id' is the name of an answer about the label 'upos'; choose another name, and "
            "name the data's own with `source`",
        ),
        ("[transform.tokens]\nnext = 'lengths'", "features.lengths: 'lengths' is what batches call the numbers of"),
        (f'[features.{"a" * 201}]\nkind = "token"', f"features.{'a' * 201}: has 201 bytes, but names of files are"),
        ('[features.".."]\nkind = "token"', 'features."..": is the name of a folder, but names of files are made'),
        ("[training]\nseed = -5", "training.seed = -5: must be greater than or equal to 0"),
        ("[training]\nseed = 4294967296", "training.seed = 4294967296: must be less than or equal to 2147483647"),
        ("[training]\nlearning_rate = inf", "training.learning_rate = Infinity: must be a finite number"),
        ("[model]\ndropout = nan", "model.dropout = NaN: must be a finite number"),
        ("[data.split]\nshares = { train = 8, eval = 0 }", "data.split.shares.eval = 0: must be greater than or equal"),
        ('[data.split]\nfeatures = ["a", "a"]', 'data.split.features = ["a", "a"]: has \'a\' twice'),
        ('[evaluation]\nsplits = ["test", "test"]', 'evaluation.splits = ["test", "test"]: has \'test\' twice'),
        ('[serving]\ninfer = ["test", "test"]', 'serving.infer = ["test", "test"]: has \'test\' twice'),
        ("[transform.tokens]\naffixes = [2, 2]", "transform.tokens.affixes = [2, 2]: has 2 twice"),
        (
            "[evaluation.thresholds]\nupos_accuracy = { at_least = 0.9, at_most = 0.5 }",
            "evaluation.thresholds.upos_accuracy.at_most = 0.5: must be at least at_least, which is 0.9, or no model",
        ),
        (
            "[evaluation.thresholds]\nupos_accuracy = { at_least = nan }",
            "evaluation.thresholds.upos_accuracy.at_least = NaN: must be a finite number",
        ),
        (
            '[tuning.space]\n"training.learning_rate" = [inf]',
            "tuning.space: training.learning_rate cannot be inf: it must be a finite number",
        ),
    ],
)
def test_config_is_refused_when_a_value_cannot_work(config_file: Path, more: str, problem: str) -> None:
    problems = read_problems(config_file, more)
    assert any(line.startswith(problem) for line in problems), problems


def test_config_is_refused_when_it_wants_more_workers_than_a_machine_has(config_file: Path) -> None:
    text = config_file.read_text().replace('name = "tiny"', 'name = "tiny"\nworkers = 1000000')
    config_file.write_text(text)
    assert read_problems(config_file, "") == ["pipeline.workers = 1000000: must be less than or equal to 1024"]


def test_carried_feature_may_be_called_as_it_likes(config_file: Path) -> None:
    with config_file.open("a") as file:
        file.write('[features.lengths]\nkind = "token"\nrole = "carried"\nsource = "LEMMA"\n')
    assert "lengths" in load_config(config_file).features


def test_space_is_refused_when_a_value_is_not_finite() -> None:
    with pytest.raises(pydantic.ValidationError, match="must be a finite number"):
        TuningConfig(space={"training.weight_decay": [0.1, math.inf]})


def test_spec_is_refused_when_a_distance_is_not_a_number() -> None:
    with pytest.raises(pydantic.ValidationError, match="finite number"):
        SequenceSpec(features={"a": Feature(kind="token")}, length_drift=math.nan)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["validate", "a.csv"], "--batch-size"),
        (["convert", "a.csv", "out"], "--shards"),
        (["predict", "model", "--input", "a.csv", "--output", "out"], "--shards"),
    ],
)
@pytest.mark.parametrize("value", ["0", "-1", "1" + "0" * 5000, "1_0", "x", "\u0661"])
def test_option_is_refused_when_it_is_no_count(
    capfd: pytest.CaptureFixture[str], command: list[str], option: str, value: str
) -> None:
    # None of the files exist, so the error would be another one if they were looked for.
    assert main([*command, f"{option}={value}", "--json"]) == 2
    assert f"argument {option}: {value!r} is not an integer from 1 to " in json.loads(capfd.readouterr().out)["error"]


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.1"])
def test_share_of_rejects_is_refused_when_it_is_no_share(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, value: str
) -> None:
    (tmp_path / "a.jsonl").write_text("no JSON")
    assert main(["convert", str(tmp_path / "a.jsonl"), str(tmp_path / "out"), f"--max-reject-fraction={value}"]) == 2
    assert "--max-reject-fraction: max_reject_fraction: Input should be " in capfd.readouterr().err


def test_number_of_records_to_show_may_be_0(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "missing", "--records=0"]) == 2
    assert "no file at 'missing'" in capfd.readouterr().err
    assert main(["inspect", "missing", "--records=-1"]) == 2
    assert "'-1' is not an integer from 0" in capfd.readouterr().err
