import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.parallel import ParallelReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="seq.in"),
        "slots": Feature(kind="categorical", role="label", source="seq.out"),
        "intent": Feature(kind="categorical", role="label", context=True, source="label"),
    }
)
READ = ReadConfig(format="parallel")


def read(folder, files, config=READ):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    reader = FileReader(SPEC, config)
    return [item for name in files for item in reader.read_records(str(folder / name))]


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\r\n\ufeff"), min_size=1, max_size=5)


@given(st.lists(st.tuples(st.lists(st.tuples(WORD, WORD), min_size=1, max_size=4), WORD), min_size=1, max_size=4))
@RELAXED
def test_lines_come_out_as_they_went_in(tmp_path, rows):
    files = {
        "label": "\n".join(intent for _, intent in rows),
        "other": "not ours",
        "seq.in": "".join(" ".join(word for word, _ in steps) + "  \r\n" for steps, _ in rows),
        "seq.out": "\n".join("\t".join(slot for _, slot in steps) for steps, _ in rows),
    }
    items = read(tmp_path, {name: text.encode() for name, text in files.items()})
    assert [item.record for item in items] == [
        {"tokens": [w for w, _ in steps], "slots": [s for _, s in steps], "intent": intent} for steps, intent in rows
    ]


def test_every_line_that_a_file_lacks_is_a_reject(tmp_path):
    items = read(tmp_path, {"seq.in": b"a b\nc\nd\n", "seq.out": b"X Y\nX\n", "label": b"l\n"})
    assert isinstance(items[0], EncodedRecord)
    assert [(item.reason, item.line) for item in items[1:]] == [(Reason.MALFORMED, 2), (Reason.MALFORMED, 3)]
    assert "'label' ends before this line" in items[1].message


def test_unequal_steps_and_undecodable_bytes_name_line_and_file(tmp_path):
    items = read(tmp_path, {"seq.in": b"a b\nc\nd\n", "seq.out": b"X\nX\n\xff\n", "label": b"l\nl\nl\n"})
    assert [getattr(item, "reason", None) for item in items] == [Reason.UNEQUAL_LENGTHS, None, Reason.UNDECODABLE]
    assert items[0].line == 1
    assert items[2].line == 3
    assert "`slots` has '\\udcff' with the byte 0xff" in items[2].message


@pytest.mark.parametrize("missing", ["seq.in", "seq.out", "label"])
def test_a_folder_that_lacks_a_file_is_damaged(missing, tmp_path):
    files = {"seq.in": b"a\n", "seq.out": b"X\n", "label": b"l\n"}
    del files[missing]
    items = read(tmp_path, files)
    assert items
    assert all(isinstance(item, DamagedFile) and f"no file '{missing}'" in item.message for item in items)


def test_a_folder_of_files_is_one_input(run, tmp_path):
    files = {"seq.in": b"a\nb\n", "seq.out": b"X\nY\n", "label": b"l\nm\n", "README": b"hello\n"}
    assert run(files, SPEC, READ, SplitConfig(shares={"train": 1})).counts["records_read"] == 2


def test_the_reader_refuses_a_vector():
    with pytest.raises(ValueError, match="`v` is of kind 'vector'"):
        ParallelReader(SequenceSpec(features={"v": Feature(kind="vector", width=2)}), {})


def test_another_separator_keeps_blanks_within_steps(tmp_path):
    config = ReadConfig(format="parallel", options={"separator": "|"})
    items = read(tmp_path, {"seq.in": b"New York|is\n\n", "seq.out": b"LOC|O\n\n", "label": b"a b\nc\n"}, config)
    assert items[0].record == {"tokens": ["New York", "is"], "slots": ["LOC", "O"], "intent": "a b"}
    assert items[1].reason is Reason.EMPTY_SEQUENCE


@given(st.binary(max_size=30), st.binary(max_size=30), st.binary(max_size=30))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(tmp_path, first, second, third):
    items = read(tmp_path, {"seq.in": first, "seq.out": second, "label": third})
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)


@pytest.mark.parametrize(
    ("split", "utterances", "tokens"), [("train", 13_084, 117_700), ("valid", 700, 6_384), ("test", 700, 6_354)]
)
def test_snips_has_the_documented_counts(split, utterances, tokens, real_data):
    reader = FileReader(SPEC, READ)
    paths = sorted((real_data / "snips_nlu" / split).iterdir())
    items = [item for path in paths for item in reader.read_records(str(path))]
    assert len(items) == utterances
    assert sum(len(item.record["tokens"]) for item in items) == tokens
    assert len({item.record["intent"] for item in items}) == 7
    if split == "train":
        assert len({slot for item in items for slot in item.record["slots"]}) == 72
