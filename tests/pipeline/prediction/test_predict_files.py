"""`tfx-sequence predict --input`: answers for files, record by record."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.tiny_model import LanguageModel, LengthModel, save, save_for_records

from tfx_sequence.pipeline.cli import main
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SENTENCES = [["x" * (1 + i % 7)] * (i % 5 + (i % 50 == 0)) for i in range(1, 300)]

PIECES = """
parent = { kind = "token", context = true, role = "carried", source = "@parent" }
piece = { kind = "integer", context = true, role = "carried", source = "@piece" }
overlap = { kind = "integer", context = true, role = "carried", source = "@overlap" }
"""
"""The features by which the pieces of a record are joined, for a config."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_for_records(tmp_path_factory.mktemp("model") / "model")


def _write(path: Path, sentences: list[list[str]], **more: Any) -> str:
    path.write_text("".join(json.dumps({"tokens": tokens, **more}) + "\n" for tokens in sentences), encoding="utf-8")
    return str(path)


def _config(folder: Path, data: str, features: str) -> str:
    """A config for `a.jsonl`, with more about the data, and more features than tokens and tags."""
    file = folder / "c.toml"
    file.write_text(
        f"""
        [pipeline]
        name = "x"
        [data]
        input = "."
        files = "a.jsonl"
        format = "jsonl"
        {data}
        [features]
        tokens = {{ kind = "token" }}
        tags = {{ kind = "categorical", role = "label" }}
        {features}
        """
    )
    return str(file)


def _answer(tokens: list[str]) -> dict[str, Any]:
    """What the model says, by another way."""
    return {
        "upos": [f"L{len(token.encode())}" for token in tokens],
        "upos_id": [len(token.encode()) for token in tokens],
        "upos_score": pytest.approx([1 / (1 + len(token.encode())) for token in tokens]),
        "parity": ("even", "odd")[len(tokens) % 2],
        "parity_id": 1 + len(tokens) % 2,
        "parity_score": pytest.approx(1 / (1 + len(tokens))),
    }


@pytest.mark.parametrize("shards", [1, 3])
def test_predict_answers_every_record_in_the_order_of_reading(model: str, tmp_path: Path, shards: int) -> None:
    data = _write(tmp_path / "a.jsonl", SENTENCES)
    assert main(["predict", model, "--input", data, "--output", f"{tmp_path}/out", "--shards", str(shards)]) == 0
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == shards
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"tokens": tokens, **_answer(tokens)} for tokens in SENTENCES]


def test_predict_writes_columns_that_can_be_read_again_without_ids_and_scores(model: str, tmp_path: Path) -> None:
    data = _write(tmp_path / "a.jsonl", [["ab", "ç d"], [], ["e"]])
    assert main(["predict", model, "--input", data, "--output", f"{tmp_path}/out", "--to", "columns"]) == 0
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_text(encoding="utf-8") == (
        "# parity = even\nab\tL2\nç d\tL4\n\n# parity = even\n\n# parity = odd\ne\tL1\n\n"
    )


def test_predict_writes_tfrecords_of_features_and_answers(model: str, tmp_path: Path) -> None:
    data = _write(tmp_path / "a.jsonl", SENTENCES)
    assert main(["predict", model, "--input", data, "--output", f"{tmp_path}/out", "--to", "tfrecord"]) == 0
    (file,) = (tmp_path / "out").iterdir()
    spec = SequenceSpec(
        features={
            "tokens": Feature(kind="token"),
            "upos": Feature(kind="categorical"),
            "upos_score": Feature(kind="float"),
            "parity": Feature(kind="categorical", context=True),
        }
    )
    # A record without steps has no values to tell what its features are of.
    read = [decode(spec, record) for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
    assert [each["tokens"] for each in read] == SENTENCES
    assert [each["upos"] for each in read] == [_answer(tokens)["upos"] for tokens in SENTENCES]
    assert [each["parity"] for each in read] == [_answer(tokens)["parity"] for tokens in SENTENCES]


@pytest.fixture(scope="module")
def short_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that reads at most 3 steps."""
    return save_for_records(tmp_path_factory.mktemp("short") / "model", LengthModel(max_steps=3))


@pytest.mark.parametrize("form", ["jsonl", "columns", "tfrecord"])
def test_predict_has_no_answer_about_steps_that_the_model_did_not_read(
    short_model: str, tmp_path: Path, form: str
) -> None:
    data = _write(tmp_path / "a.jsonl", [["a", "bb", "ccc", "d", "ee"], ["f"]])
    assert main(["predict", short_model, "--input", data, "--output", f"{tmp_path}/out", "--to", form]) == 0
    (file,) = (tmp_path / "out").iterdir()
    if form == "jsonl":
        first, second = map(json.loads, file.read_text().splitlines())
        assert first["upos"] == ["L1", "L2", "L3", None, None]
        assert first["upos_id"] == [1, 2, 3, None, None]
        assert first["upos_score"] == [0.5, pytest.approx(1 / 3), 0.25, None, None]
        assert second["upos"] == ["L1"]
    elif form == "columns":
        rows = [line.split("\t") for line in file.read_text().splitlines() if "\t" in line]
        assert rows == [["a", "L1"], ["bb", "L2"], ["ccc", "L3"], ["d", "_"], ["ee", "_"], ["f", "L1"]]
    else:
        kinds = {"upos": "categorical", "upos_id": "integer"}
        spec = SequenceSpec(
            features={
                **{name: Feature(kind=kind) for name, kind in kinds.items()},
                "upos_score": Feature(kind="float", missing=True),
            }
        )
        first, _ = (decode(spec, record) for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
        assert first["upos"] == ["L1", "L2", "L3", "", ""]
        assert first["upos_id"] == [1, 2, 3, 0, 0]
        assert first["upos_score"] == pytest.approx([1 / 2, 1 / 3, 1 / 4, math.nan, math.nan], nan_ok=True)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_for_records(tmp_path_factory.mktemp("language") / "model", LanguageModel(before=1, after=1))


@pytest.mark.parametrize("form", ["jsonl", "columns", "tfrecord"])
def test_predict_writes_the_answers_at_added_steps_too(language_model: str, tmp_path: Path, form: str) -> None:
    config = _config(tmp_path, "", 'size = { kind = "vector", width = 2, role = "carried" }')
    record = {"tokens": ["a", "bb"], "size": [[1.0, 2.0], [3.0, 4.0]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    arguments = ["--config", config, "--output", f"{tmp_path}/out", "--to", form]
    assert main(["predict", language_model, *arguments]) == 0
    (file,) = (tmp_path / "out").iterdir()
    if form == "jsonl":
        answer = json.loads(file.read_text())
        assert answer["tokens"] == [None, "a", "bb", None]
        assert answer["size"] == [None, *record["size"], None]
        assert answer["target"] == ["begin", "a", "bb", "end"]
        assert answer["target_id"] == [5, 1, 2, 3]
        assert answer["target_score"] == [1.0] * 4
        assert answer["parity"] == "even"
    elif form == "columns":
        rows = [line.split("\t") for line in file.read_text().splitlines() if "\t" in line]
        assert rows == [["_", "_", "begin"], ["a", "1.0,2.0", "a"], ["bb", "3.0,4.0", "bb"], ["_", "_", "end"]]
    else:
        features = {
            "tokens": Feature(kind="token"),
            "size": Feature(kind="vector", width=2, missing=True),
            "target": Feature(kind="categorical"),
        }
        (data,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        read = decode(SequenceSpec(features=features), data)
        assert read["tokens"] == ["", "a", "bb", ""]
        assert read["target"] == ["begin", "a", "bb", "end"]
        np.testing.assert_array_equal(read["size"], [[np.nan] * 2, *record["size"], [np.nan] * 2])


def test_predict_joins_pieces_with_added_steps_at_the_ends_of_the_record_alone(
    language_model: str, tmp_path: Path
) -> None:
    config = _config(tmp_path, 'max_length = 4\non_long = "split"\noverlap = 2\n', PIECES)
    sentence = [f"{'y' * step}x" for step in range(9)]
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": sentence}))
    assert main(["predict", language_model, "--config", config, "--output", f"{tmp_path}/out"]) == 0
    (file,) = (tmp_path / "out").iterdir()
    line = json.loads(file.read_text())
    assert line["tokens"] == [None, *sentence, None]
    assert line["target"] == ["begin", *sentence, "end"]


def test_predict_joins_pieces_without_their_overlap_when_the_config_cuts_records(model: str, tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        """
        max_length = 4
        on_long = "split"
        overlap = 3
        """,
        'name = { kind = "token", role = "key", context = true }' + PIECES,
    )
    sentences = [[f"{'y' * (step % 9)}x" for step in range(length)] for length in range(1, 40)]
    records = [{"tokens": tokens, "name": f"s{len(tokens)}"} for tokens in sentences]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert main(["predict", model, "--config", config, "--output", f"{tmp_path}/out"]) == 0
    lines = [
        json.loads(line)
        for file in sorted((tmp_path / "out").iterdir())
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    got = {line["name"]: line for line in lines}
    assert len(lines) == len(got) == len(sentences)
    for tokens in sentences:
        line = got[f"s{len(tokens)}"]
        assert line["tokens"] == tokens
        assert line["upos"] == _answer(tokens)["upos"]
        assert set(line) == {"tokens", "name", "parent", *_answer(tokens)}
        # The shortest piece has the highest score; a record of one piece is that piece.
        assert len(tokens) > 4 or line["parity"] == _answer(tokens)["parity"]


def test_predict_takes_answers_from_the_next_piece_where_the_model_did_not_read_the_end_of_a_piece(
    short_model: str, tmp_path: Path
) -> None:
    config = _config(
        tmp_path,
        """
        max_length = 5
        on_long = "split"
        overlap = 3
        """,
        PIECES,
    )
    sentence = [f"{'y' * step}x" for step in range(8)]
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": sentence}))
    assert main(["predict", short_model, "--config", config, "--output", f"{tmp_path}/out"]) == 0
    (file,) = (tmp_path / "out").iterdir()
    line = json.loads(file.read_text())
    assert line["tokens"] == sentence
    # The last piece begins at step 4, so nobody read step 7.
    assert line["upos"] == [*_answer(sentence)["upos"][:7], None]


LABELLED = """
upos = { kind = "categorical", role = "label" }
parity = { kind = "categorical", role = "label", context = true }
importance = { kind = "float", role = "weight", context = true }
"""
"""The labels of the model, and a weight, which only training needs."""


@pytest.mark.parametrize("form", ["jsonl", "columns", "tfrecord"])
def test_predict_writes_true_labels_beside_the_answers(model: str, tmp_path: Path, form: str) -> None:
    config = _config(tmp_path, "", LABELLED)
    truth = {"upos": ["L1", "X"], "parity": "odd", "importance": 2.0, "tags": ["A", "B"]}
    _write(tmp_path / "a.jsonl", [["a", "bb"]], **truth)
    assert main(["predict", model, "--config", config, "--output", f"{tmp_path}/out", "--to", form]) == 0
    (file,) = (tmp_path / "out").iterdir()
    if form == "jsonl":
        line = json.loads(file.read_text())
        expected = {"tokens": ["a", "bb"], "tags_true": ["A", "B"], "upos_true": ["L1", "X"], "parity_true": "odd"}
        assert line == {**expected, **_answer(["a", "bb"])}
        # The order of the keys: what is about the record, then what is about its steps, each time the answers last.
        assert list(line) == [
            *("parity_true", "parity", "parity_id", "parity_score"),
            *("tokens", "tags_true", "upos_true", "upos", "upos_id", "upos_score"),
        ]
    elif form == "columns":
        assert file.read_text() == "# parity_true = odd\n# parity = even\na\tA\tL1\tL1\nbb\tB\tX\tL2\n\n"
    else:
        (data,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        names = ("upos", "upos_true")
        read = decode(SequenceSpec(features={name: Feature(kind="token") for name in names}), data)
        assert read == {"upos": ["L1", "L2"], "upos_true": ["L1", "X"]}


@pytest.mark.parametrize("lines", ["none", "some", "a bad record"])
def test_predict_answers_every_record_when_labels_are_missing(model: str, tmp_path: Path, lines: str) -> None:
    config = _config(tmp_path, "", LABELLED)
    truth = {"upos": ["X"], "parity": "odd", "tags": ["A"]}
    records = [{"tokens": ["a"], **({} if lines == "none" else truth)}, {"tokens": ["b"]}]
    if lines == "a bad record":
        records[1] = {"tokens": 3, **truth}
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code = main(["predict", model, "--config", config, "--output", f"{tmp_path}/out"])
    assert code == (1 if lines == "a bad record" else 0)
    (file,) = (tmp_path / "out").iterdir()
    answers = [json.loads(line) for line in file.read_text().splitlines()]
    if lines == "a bad record":
        assert [answer["upos_true"] for answer in answers] == [["X"]]
    else:
        assert answers == [{"tokens": tokens, **_answer(tokens)} for tokens in (["a"], ["b"])]


def test_predict_refuses_a_feature_called_like_a_true_label(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = _config(tmp_path, "", LABELLED + 'upos_true = { kind = "token", role = "carried" }')
    _write(tmp_path / "a.jsonl", [["a"]])
    assert main(["predict", model, "--config", config, "--output", f"{tmp_path}/out"]) == 2
    assert "two fields would be called 'upos_true'" in capfd.readouterr().err


@pytest.mark.parametrize("form", ["jsonl", "columns", "tfrecord"])
def test_predict_writes_numbers_as_they_were_read(model: str, tmp_path: Path, form: str) -> None:
    config = _config(
        tmp_path,
        "",
        """
        speed = { kind = "float", role = "carried", missing = true }
        place = { kind = "vector", width = 2, role = "carried", missing = true }
        """,
    )
    numbers = {"speed": [0.1, None, 1e30], "place": [[0.7, None], [None, None], [-3.0, 16777217.0]]}
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": ["a", "b", "c"], **numbers}))
    arguments = ["--config", config, "--output", f"{tmp_path}/out", "--to", form]
    assert main(["predict", model, *arguments]) == 0
    (file,) = (tmp_path / "out").iterdir()
    numbers["place"][2][1] = 16777216.0  # What float32 makes of it.
    if form == "tfrecord":
        (record,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        features = {
            "speed": Feature(kind="float", missing=True),
            "place": Feature(kind="vector", width=2, missing=True),
        }
        read = decode(SequenceSpec(features=features), record)
        for name, values in numbers.items():
            expected = np.array(values, object).astype(np.float32)  # None becomes NaN.
            np.testing.assert_array_equal(np.array(read[name], np.float32), expected)
        return
    text = file.read_text()
    if form == "jsonl":
        assert "NaN" not in text
        assert {name: json.loads(text)[name] for name in numbers} == numbers
    else:
        rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
        assert [row[1] for row in rows] == ["0.1", "_", "1e+30"]
        assert [row[2] for row in rows] == ["0.7,_", "_,_", "-3.0,16777216.0"]


def test_predict_leaves_a_bad_record_out_and_counts_it(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('{"tokens": ["a"]}\n{"tokens": 3}\n{"tokens": ["b"]}\n')
    assert main(["predict", model, "--json", "--input", f"{tmp_path}/a.jsonl", "--output", f"{tmp_path}/out"]) == 1
    report = json.loads(capfd.readouterr().out)
    assert (report["records_read"], report["records_accepted"], report["records_rejected"]) == (3, 2, 1)
    assert report["rejected"] == {"wrong_type": 1}
    (file,) = report["files"]
    assert [json.loads(line)["tokens"] for line in Path(file).read_text().splitlines()] == [["a"], ["b"]]


def test_predict_keeps_the_names_of_splits_when_files_are_compressed(model: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        with gzip.open(tmp_path / f"{split}.jsonl.gz", "wt") as file:
            file.write(json.dumps({"tokens": [split]}) + "\n")
    assert main(["predict", model, "--input", f"{tmp_path}/*.gz", "--output", f"{tmp_path}/out"]) == 0
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["test-00000-of-00001.jsonl", "train-00000-of-00001.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "{data}"], "--output"),
        (["--input", "{data}", "--output", "{folder}"], "not empty"),
        (["--input", "{folder}/none.jsonl", "--output", "{folder}/out"], "none.jsonl"),
        (["a sentence", "--input", "{data}", "--output", "{folder}/out"], "both"),
        (["--input", "{data}", "--output", "{folder}/out", "--feature", "words=token"], "no 'tokens'"),
        (["--input", "{data}", "--output", "{folder}/out", "--format", "csv"], "group_by: Field required"),
    ],
)
def test_predict_says_in_one_line_when_it_cannot_be_done(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    data = _write(tmp_path / "a.jsonl", SENTENCES[:2])
    filled = [argument.format(data=data, folder=tmp_path) for argument in arguments]
    assert main(["predict", model, *filled]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("tfx-sequence:")]
    assert words in line
    assert "Traceback" not in err


def test_predict_names_the_model_when_it_does_not_answer_about_records(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = save(LengthModel(), tmp_path / "model")
    data = _write(tmp_path / "a.jsonl", SENTENCES[:2])
    assert main(["predict", model, "--input", data, "--output", f"{tmp_path}/out"]) == 2
    assert "no signature 'serving_default'" in capfd.readouterr().err
