import json
import pathlib
import re
import subprocess
import sys

import pytest
from support.paths import ROOT

from tfx_sequence.components.sequence_evaluator.metric_table import METRICS
from tfx_sequence.components.sequence_transform.config import VocabularyConfig
from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.schemas.spec import Feature, SequenceSpec

FIGURES_OF_VALUES = [
    figure
    for name, row in METRICS.rows.items()
    if row.by_default and METRICS.load(name).label_kind == "values"
    for figure in METRICS.load(name).figures
]
DEMO = ROOT / "examples" / "pos_tagging" / "pipeline.toml"


def to_toml(tables):
    """TOML of nested tables: every value inline, which JSON's notation of scalars and lists is good for."""

    def value(item):
        if isinstance(item, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {value(inner)}" for key, inner in item.items()) + "}"
        if isinstance(item, list):
            return "[" + ", ".join(map(value, item)) + "]"
        return json.dumps(item, ensure_ascii=False)

    return "".join(f"{json.dumps(key)} = {value(item)}\n" for key, item in tables.items())


def problems(file, more="", replace=()):
    """The lines that `load_config` answers with, once `more` stands at the end of the file."""
    text = file.read_text(encoding="utf-8")
    for old, new in replace:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text + more, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    message = str(raised.value)
    assert message.startswith(str(file))
    return re.sub(r"^[^\n]*: \d+ problems\n  |^[^\n]*?pipeline\.toml: ", "", message).split("\n  ")


def test_load_config_gives_typed_values_when_the_file_is_right(config_file):
    config = load_config(config_file)
    folder = config_file.parent
    assert config.spec == SequenceSpec(
        features={"tokens": Feature(kind="token", source="FORM"), "upos": Feature(kind="categorical", role="label")}
    )
    assert config.data.folder == str(folder / "corpus")
    assert config.data.splits == ("train", "eval", "test")
    assert config.pipeline.root == str(folder / "runs" / "tiny")
    assert config.pipeline.artifacts_dir == str(folder / "runs" / "tiny" / "artifacts")
    assert config.pipeline.metadata_path == str(folder / "runs" / "tiny" / "metadata.sqlite")
    assert config.serving_dir == str(folder / "runs" / "tiny" / "serving")
    assert config.pipeline.cache is True
    assert config.evaluation.splits == ("test",)


def test_load_config_takes_thresholds_of_further_metrics(config_file):
    metrics = (
        '[evaluation]\nmetrics = ["support.own_metrics:WholeRecords"]\nthresholds = { upos_whole = { at_least = 0.5 } }'
    )
    config_file.write_text(f"{config_file.read_text(encoding='utf-8')}\n{metrics}", encoding="utf-8")
    evaluation = load_config(config_file).evaluation
    assert evaluation.metrics == ("support.own_metrics:WholeRecords",)
    assert evaluation.thresholds["upos_whole"].at_least == 0.5


def test_load_config_reads_the_demo_as_its_comments_say():
    config = load_config(DEMO)
    assert config.data.split.model_dump() == {
        "shares": {"train": 8, "eval": 1, "test": 1},
        "by": "index",
        "features": (),
    }
    assert {path.name for path in pathlib.Path(config.data.folder).glob("*.conllu")} == {"web.conllu", "wiki.conllu"}
    assert config.transform == {"tokens": VocabularyConfig(min_count=2, affixes=(2, 3))}
    assert [*config.spec.context] == ["sent_id"]
    assert config.pipeline.root == str(DEMO.parent / "runs" / "pos_tagging")


@pytest.mark.parametrize("more", ["", '[serving]\ndir = "../models"\n', "[training]\nlearning_rate = 1\n"])
def test_load_config_gives_an_equal_config_when_it_reads_what_to_toml_gave(config_file, more):
    config_file.write_text(config_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    config = load_config(config_file)
    # Paths are absolute by now, so the copy may be anywhere.
    copy = config_file.parent / "corpus" / "pipeline.toml"
    copy.write_text(to_toml(config.to_toml()), encoding="utf-8")
    assert load_config(copy) == config


def test_load_config_gives_an_equal_config_when_it_reads_the_demo_again(tmp_path):
    config = load_config(DEMO)
    copy = tmp_path / "pipeline.toml"
    copy.write_text(to_toml(config.to_toml()), encoding="utf-8")
    assert load_config(copy) == config


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[training]\nepochs = 0", ["training.epochs = 0: must be greater than or equal to 1"]),
        ('[training]\nepochs = "20"', ['training.epochs = "20": must be a valid integer']),
        ("[training]\nepochs = true", ["training.epochs = true: must be a valid integer"]),
        ("[training]\nepoch = 3", ["training.epoch: unknown key; did you mean epochs?"]),
        ("[training]\nunits = 3", ["training.units: unknown key; did you mean model.units or model.characters.units?"]),
        ("[trainin]\nepochs = 3", ["trainin: unknown key; did you mean training or tuning?"]),
        (
            "[sequence]\nzzz = 3",
            [
                "sequence.zzz: unknown key; the keys here are min_length, max_length, length_drift, length_skew, "
                "max_steps"
            ],
        ),
        ('[training]\nloss = "mean"', ["training.loss = \"mean\": must be 'sequence_mean', 'token_mean' or 'sum'"]),
        ("[model]\ndropout = 1.0", ["model.dropout = 1.0: must be less than 1"]),
        (
            "model = 3",
            [
                "features.upos.model: unknown key; the keys here are kind, role, context, width, nested, missing, "
                "shift, spans, drift, skew, source, names"
            ],
        ),
        ("[transform.tokens]\nmin_cout = 2", ["transform.tokens.min_cout: unknown key; did you mean min_count?"]),
        (
            "[transform.tokens]\naffixes = [2, 0]",
            ["transform.tokens.affixes[1] = 0: must be greater than or equal to 1"],
        ),
        ("[transform]\ntokens = 2", ["transform.tokens = 2: must be a table"]),
        ("[transform.words]", ["transform.words: no such feature; the features are tokens, upos"]),
        (
            "[transform.upos]\nmin_count = 2\nlowercase = true",
            ["transform.upos.min_count = 2: not for a label: every label counts, as it is"],
        ),
        (
            '[features.id]\nkind = "token"\nrole = "key"\n[transform.id]',
            ["transform.id: only strings that are inputs or labels have a vocabulary; id is a token with role 'key'"],
        ),
        (
            '[features."a b"]\nkind = "token"',
            [r'features."a b": must match pattern ' + r"'^[^\s/#$]+$'"],
        ),
        (
            '[features.x]\nkind = "vector"',
            ["features.x: a feature of kind 'vector' needs `width`, the number of floats in a step"],
        ),
        (
            "[sequence]\nmin_length = 5\nmax_length = 3",
            ["features, sequence: max_length is 3, less than min_length, which is 5"],
        ),
        ("[sequence]\nmin_length = -1", ["sequence.min_length = -1: must be greater than or equal to 0"]),
        (
            '[evaluation]\nsplits = ["dev"]',
            ["evaluation.splits = [\"dev\"]: no split 'dev'; there are train, eval, test"],
        ),
        ("[evaluation]\nsplits = []", ["evaluation.splits = []: must have at least 1 item after validation, not 0"]),
        (
            '[features.topic]\nkind = "categorical"\ncontext = true\n[evaluation]\nslices = ["tokens", ["topic", "x"]]',
            [
                'evaluation.slices = ["tokens", ["topic", "x"]]: there is a slice by '
                f"'{name}', but records can be sliced by topic, length_bucket"
                for name in ("tokens", "x")
            ],
        ),
        (
            '[evaluation]\nmetrics = ["accuracy", "support.own_metrics:WholeRecords"]',
            [
                'evaluation.metrics = ["accuracy", "support.own_metrics:WholeRecords"]: the metric '
                "'accuracy' is always computed, and need not be named"
            ],
        ),
        (
            "[evaluation.thresholds]\nupos_accuracy = { at_least = 0.5 }\nupos_f1 = { at_least = 0.5 }",
            [
                "evaluation.thresholds.upos_f1: there is a threshold of 'upos_f1', but the metrics are "
                + ", ".join(f"upos_{figure}" for figure in FIGURES_OF_VALUES)
            ],
        ),
        (
            "[data.split]\nshares = { train = 9, test = 1 }",
            ["data.split.shares: there must be a split 'eval'; there are train, test"],
        ),
        (
            '[data.split]\nshares = { train = 8, eval = 1, test = 1 }\nfeatures = ["doc"]',
            ["data.split.features = [\"doc\"]: no feature 'doc'; there are tokens, upos"],
        ),
    ],
)
def test_load_config_names_key_value_and_what_is_allowed_when_a_setting_is_wrong(config_file, more, expected):
    assert problems(config_file, more) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "tiny"', "", ["pipeline.name: required, but not given"]),
        (
            'name = "tiny"',
            'name = "a/b"',
            ["pipeline.name = \"a/b\": must match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]*$'"],
        ),
        ('format = "conllu"', "", ["data.format: required, but not given"]),
        ('role = "label"', "", ['features: at least one feature must have role = "label"; none has']),
        ('role = "label"', 'role = "lable"', None),
        (
            'files = "*.conllu"',
            "files = 3",
            ['data.files = 3: must be one pattern such as "*.conllu", or a table with one pattern per split'],
        ),
        ('files = "*.conllu"', 'files = "*.txt"', None),
        (
            'files = "*.conllu"',
            'files = { train = "a.conllu", eval = "a.conllu", test = "b.conllu" }',
            None,
        ),
        (
            'files = "*.conllu"',
            'files = { train = "a.conllu", dev = "a.conllu" }\nsplit = { by = "hash" }',
            [
                "data.split: goes with one pattern in data.files; data.files already names the splits",
                "data.files: there must be a split 'eval'; there are train, dev",
                "evaluation.splits = [\"test\"]: no split 'test'; there are train, dev",
            ],
        ),
        ('input = "corpus"', 'input = "corpse"', None),
        (
            'input = "corpus"',
            'input = "package:no-such-thing/data"',
            [
                "data.input = \"package:no-such-thing/data\": the Python package 'no-such-thing' is not installed; "
                "install it with: pip install no-such-thing"
            ],
        ),
    ],
)
def test_load_config_says_what_is_wrong_when_what_must_be_there_is_not(config_file, old, new, expected):
    folder = config_file.parent / "corpus"
    expected = (
        expected
        or {
            'role = "lable"': [
                "features.upos.role = \"lable\": must be 'input', 'label', 'weight', 'key', 'time' or 'carried'"
            ],
            'files = "*.txt"': [f'data.files = "*.txt": no file in {folder} matches'],
            'files = { train = "a.conllu", eval = "a.conllu", test = "b.conllu" }': [
                f'data.files.test = "b.conllu": no file in {folder} matches'
            ],
            'input = "corpse"': [f'data.input = "{config_file.parent / "corpse"}": there is no such folder'],
        }[new]
    )
    assert problems(config_file, replace=[(old, new)]) == expected


def test_load_config_lists_every_problem_when_there_are_many(config_file):
    more = "[training]\nepochs = 0\npatience = 0\n[model]\nunit = 1"
    config_file.write_text(config_file.read_text() + more)
    with pytest.raises(ConfigError) as raised:
        load_config(config_file)
    assert str(raised.value) == (
        f"{config_file}: 3 problems\n"
        "  model.unit: unknown key; did you mean units?\n"
        "  training.epochs = 0: must be greater than or equal to 1\n"
        "  training.patience = 0: must be greater than or equal to 1"
    )


def test_load_config_says_so_when_there_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"^\S*none\.toml: the config cannot be read: No such file or directory$"):
        load_config(tmp_path / "none.toml")


def test_load_config_names_the_line_when_the_file_is_not_toml(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("[pipeline]\nname tiny\n")
    with pytest.raises(ConfigError, match=r"a\.toml: not TOML: .*\(at line 2, column 6\)$"):
        load_config(file)


def test_load_config_says_so_when_the_file_is_not_text(tmp_path):
    file = tmp_path / "a.toml"
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match=r"a\.toml: not UTF-8 text, at byte 8$"):
        load_config(file)


def test_load_config_says_what_is_required_when_the_file_is_empty(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("")
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    assert [problem.key for problem in raised.value.problems] == ["pipeline", "data", "features"]


def test_config_takes_paths_from_the_current_folder_when_it_is_made_in_python(config_file, monkeypatch):
    monkeypatch.chdir(config_file.parent)
    config = Config(
        pipeline={"name": "tiny"},
        data={"input": "corpus", "files": "*.conllu", "format": "conllu"},
        features={"tokens": {"kind": "token", "source": "FORM"}, "upos": {"kind": "categorical", "role": "label"}},
    )
    assert config == load_config(config_file)


def test_load_config_asks_the_reader_before_anything_runs(config_file):
    (config_file.parent / "corpus" / "a.csv").write_text("t\n")
    to_csv = (('format = "conllu"', 'format = "csv"'), ("*.conllu", "*.csv"))
    assert problems(config_file, replace=to_csv) == ["data: the options of the format 'csv': group_by: Field required"]
    options = (('format = "csv"', 'format = "csv"\noptions = { group_by = "t", order = "u" }'),)
    (problem,) = problems(config_file, replace=options)
    assert problem == "data: the options of the format 'csv': order: Extra inputs are not permitted"


def test_config_holds_out_a_test_split_when_only_the_rule_is_given(config_file):
    config_file.write_text(config_file.read_text() + '[data.split]\nby = "index"\n')
    assert load_config(config_file).data.split.shares == {"train": 8, "eval": 1, "test": 1}


@pytest.mark.parametrize("workers", [1, 2])
def test_beam_args_name_the_runner_by_its_class(config_file, workers):
    text = config_file.read_text().replace('name = "tiny"', f'name = "tiny"\nworkers = {workers}')
    config_file.write_text(text)
    runner, mode, count, _ = load_config(config_file).pipeline.beam_args
    assert runner.endswith(".FnApiRunner")
    assert mode == f"--direct_running_mode={'in_memory' if workers == 1 else 'multi_processing'}"
    assert count == f"--direct_num_workers={workers}"


def test_config_is_read_without_tensorflow():
    source = f"""
import sys
from tfx_sequence.pipeline.config.toml_file import load_config
load_config({str(DEMO)!r})
assert "tensorflow" not in sys.modules and "tfx" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", source], check=True)
