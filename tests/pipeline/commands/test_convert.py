import gzip
import json

import pytest
import tensorflow as tf
from support.reader_package import install_words_reader


def records_in(folder):
    paths = sorted(map(str, folder.rglob("*.gz")))
    return [item.numpy() for item in tf.data.TFRecordDataset(paths, "GZIP")]


def test_files_that_are_named_for_splits_go_to_folders(corpus, run, tmp_path):
    code, out, err = run("convert", corpus, str(tmp_path / "out"))
    assert code == 0
    assert err.splitlines() == ["Loading Apache Beam ...", "Converting 3 files ..."]
    assert out.splitlines() == [
        "read 90, accepted 90, rejected 0",
        "Written",
        "  train  30",
        "  dev    30",
        "  test   30",
        "Features",
        "  words  token, input",
        "  tags   categorical, label, BIO",
        "  id     token, carried, context",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Split-dev", "Split-test", "Split-train"]
    assert len(records_in(tmp_path / "out")) == 90


def test_other_files_go_to_the_folder_itself(corpus, run, tmp_path):
    code, out, _ = run("convert", f"{corpus}/dev.jsonl", str(tmp_path / "out"), "--shards", "2", "--json")
    assert code == 0
    assert json.loads(out) == {
        "records_read": 30,
        "records_accepted": 30,
        "records_rejected": 0,
        "records_truncated": 0,
        "files_matched": 1,
        "files_whole": 1,
        "files_damaged": 0,
        "rejected": {},
        "damaged": {},
        "written": {"all": 30},
        "left_out": {},
    }
    assert sorted(path.name[-17:] for path in (tmp_path / "out").iterdir()) == [
        "00000-of-00002.gz",
        "00001-of-00002.gz",
    ]


def test_config_gives_files_splits_and_features(config_file, run, tmp_path):
    (config_file.parent / "corpus" / "a.conllu").write_text("1\ta\t_\tX\t_\t_\t_\t_\t_\t_\n\n" * 10)
    config_file.write_text(f'{config_file.read_text()}[data.split]\nby = "index"\n')
    code, out, _ = run("convert", "--config", str(config_file), str(tmp_path / "out"), "--json")
    assert code == 0
    assert json.loads(out)["written"] == {"train": 8, "eval": 1, "test": 1}


def test_bad_record_gives_1_and_no_files(write, run, tmp_path):
    folder = write("a", [{"x": [1, 2]}, {"x": [1, "b"]}, {"x": [3]}])
    code, out, err = run("convert", folder, str(tmp_path / "out"), "--feature", "x=integer")
    assert (code, out) == (1, "")
    assert "line 2" in err
    assert "wrong_type: `x` has 'b', a str, expected an integer" in err
    # There is no config to set anything in.
    assert "Correct the record, or leave bad records out with --max-reject-fraction" in err
    assert "on_bad_record" not in err
    assert not list((tmp_path / "out").rglob("*.gz"))


def test_bad_records_are_left_out_and_counted_when_there_may_be_some(write, run, tmp_path):
    folder = write("a", [{"x": [1, 2]}, {"x": [1, "b"]}, {"x": [3]}])
    argv = ("convert", folder, str(tmp_path / "out"), "--feature", "x=integer", "--max-reject-fraction")
    code, _, err = run(*argv, "0.1", "--json")
    assert code == 1
    assert "1 of 3 records were rejected (1 wrong_type), more than the fraction of 0.1" in err
    code, out, _ = run(*argv, "0.5")
    assert code == 0
    assert out.startswith("read 3, accepted 2, rejected 1\n")
    assert "Rejected\n  wrong_type  1\n" in out
    assert (tmp_path / "out" / "Rejects" / "rejects.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["missing", "{out}"], "no file at 'missing'"),
        (["{out}"], "no data is named; give files or folders, or --config"),
        (["{data}", "{data}"], "is not empty; name a new one, or empty it"),
        (["{data}", "{out}", "--shards", "0"], "--shards: '0' is not an integer from 1 to 99999"),
        (["{data}", "{out}", "--max-reject-fraction", "2"], "--max-reject-fraction: max_reject_fraction: Input should"),
        (["{data}", "{out}", "--format", "csv"], "the options of the format 'csv': group_by: Field required"),
        (["{data}", "{out}", "--format", "conllu"], "dev.jsonl, line 1"),
        (["{data}", "{out}", "--feature", "x=float,source=a b"], "missing_feature: "),
    ],
)
def test_what_cannot_be_converted_gives_2_or_names_the_record(corpus, run, tmp_path, argv, message):
    code, out, err = run("convert", *(arg.format(data=corpus, out=tmp_path / "out") for arg in argv))
    assert (code, out) == (1 if "line 1" in message or "missing_feature" in message else 2, "")
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["words", "words_plugin:Words"])
def test_format_of_an_installed_package_is_converted(run, tmp_path, name):
    (tmp_path / "a.words").write_text("a,b\nc\n")
    arguments = ["--format", name, "--option", "separator=,", "--feature", "tokens=token"]
    with install_words_reader(tmp_path):
        code, out, _ = run("convert", str(tmp_path / "a.words"), str(tmp_path / "out"), *arguments, "--json")
    assert code == 0
    assert json.loads(out)["records_accepted"] == 2
    assert len(records_in(tmp_path / "out")) == 2


def test_a_damaged_file_gives_1_unless_it_is_allowed(run, tmp_path):
    lines = b"".join(b'{"x": [%d]}\n' % number for number in range(2000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines)[:-200])
    (tmp_path / "b.jsonl").write_bytes(lines)
    arguments = ["convert", str(tmp_path), str(tmp_path / "out"), "--feature", "x=integer"]
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert "1 of 2 files cannot be read to their end, more than the 0 that `max_damaged_files` allows" in err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    code, out, _ = run(*arguments, "--max-damaged-files", "1")
    assert code == 0
    assert "files 2, whole 1, damaged 1\n" in out
    assert f"  {tmp_path}/a.jsonl.gz  the compressed data is cut off or damaged" in out
    (line,) = (tmp_path / "out" / "Rejects" / "damaged_files.jsonl").read_text().splitlines()
    assert len(records_in(tmp_path / "out")) == 2000 + json.loads(line)["num_records"]
