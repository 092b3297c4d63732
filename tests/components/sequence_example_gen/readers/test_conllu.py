import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.conllu import ConlluReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="FORM"),
        "tags": Feature(kind="categorical", role="label", source="UPOS"),
    }
)
CONFIG = ReadConfig(format="conllu")


def row(word_id, form="w", upos="X", feats="_", head="0", misc="_"):
    return "\t".join([str(word_id), form, "_", upos, "_", feats, head, "_", "_", misc])


def text(*lines):
    return "\n".join(lines).encode() + b"\n"


def records(items):
    assert all(isinstance(item, EncodedRecord) for item in items), items
    return [item.record for item in items]


CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1, max_size=8
) | st.sampled_from(["_", "a b", "#", "<pad>", "\u2028", " "])
SENTENCES = st.lists(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), min_size=1, max_size=5)


@given(SENTENCES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
@RELAXED
def test_sentences_come_out_as_they_went_in(read, sentences, end, bom, final):
    blocks = [[row(i, *word) for i, word in enumerate(words, 1)] for words in sentences]
    data = (end * 2).join(end.join(block) for block in blocks) + (end if final else "")
    items = read(("\ufeff" if bom else "").encode() + data.encode(), SPEC, CONFIG)
    want = [{"tokens": [w for w, _ in words], "tags": [t for _, t in words]} for words in sentences]
    assert records(items) == want


def test_comments_are_context(read):
    spec = SequenceSpec(
        features={
            **SPEC.features,
            "sent_id": Feature(kind="token", role="key", context=True),
            "year": Feature(kind="integer", context=True),
            "raw": Feature(kind="token", context=True, source="text"),
        }
    )
    data = text("# newpar", "# sent_id = s 1", "#year=1999", "# text = a = b", row(1))
    (record,) = records(read(data, spec, CONFIG))
    assert record == {"tokens": ["w"], "tags": ["X"], "sent_id": "s 1", "year": 1999, "raw": "a = b"}
    (reject,) = read(text("# sent_id = 1", "# year = soon", row(1)), spec, CONFIG)
    assert (reject.reason, reject.line) == (Reason.WRONG_TYPE, 1)
    (reject,) = read(text("# sent_id = 7", row(1)), spec, CONFIG)
    assert (reject.reason, reject.key, reject.record) == (Reason.MISSING_FEATURE, "7", 0)


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, ["a", "b", "c"]),
        ({"ranges": "keep"}, ["ab", "a", "b", "c"]),
        ({"empty_nodes": "keep"}, ["e0", "a", "b", "e", "c"]),
    ],
)
def test_ranges_and_empty_nodes_are_steps_only_when_kept(options, want, read):
    data = text(row("0.1", "e0"), row("1-2", "ab"), row(1, "a"), row(2, "b"), row("2.1", "e"), row(3, "c"))
    (record,) = records(read(data, SPEC, ReadConfig(format="conllu", options=options)))
    assert record["tokens"] == want


def test_any_column_and_any_key_is_a_feature(read):
    spec = SequenceSpec(
        features={
            "case": Feature(kind="categorical", source="FEATS:Case"),
            "space": Feature(kind="categorical", source="misc:SpaceAfter"),
            "head": Feature(kind="integer", source="HEAD"),
            "score": Feature(kind="float", source="MISC:Score"),
            "feats": Feature(kind="token", source="FEATS"),
        }
    )
    data = text(
        row(1, feats="Abc=1|Case=Nom", head="2", misc="SpaceAfter=No|Score=0.5"),
        row(2, feats="X|Case", misc="Score=-1"),
    )
    (record,) = records(read(data, spec, CONFIG))
    assert record == {
        "case": ["Nom", "_"],
        "space": ["No", "_"],
        "head": [2, 0],
        "score": [0.5, -1.0],
        "feats": ["Abc=1|Case=Nom", "X|Case"],
    }
    (reject,) = read(text(row(1, head="_", misc="Score=1")), spec, CONFIG)
    assert "`head` is '_', expected an integer" in reject.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2\tb\t_\tX\t_\t_\t0\t_\t_", "the row has 9 tab-separated columns, expected 10"),
        (row(2) + "\t_", "11 tab-separated columns"),
        ("2 b", "1 tab-separated columns"),
        (row("x"), "the ID is 'x', expected 2"),
        (row("1"), "the ID is '1', expected 2"),
        (row("1-"), "the ID is '1-'"),
        (row("²"), "the ID is '²'"),
    ],
)
def test_a_bad_row_is_one_reject_that_names_the_line_and_the_next_sentence_is_read(line, message, read):
    data = text("# sent_id = 1", row(1), line, row(3), "", row(1, "good"))
    bad, good = read(data, SPEC, CONFIG)
    assert (bad.reason, bad.line, bad.record) == (Reason.MALFORMED, 3, 0)
    assert bad.file.endswith("data.txt")
    assert message in bad.message
    assert good.record["tokens"] == ["good"]


def test_comments_without_words_are_an_empty_sequence(read):
    (reject,) = read(text("# sent_id = 1", ""), SPEC, CONFIG)
    assert reject.reason is Reason.EMPTY_SEQUENCE


def test_undecodable_bytes_reject_only_their_sentence(read):
    first = text(row(1, "good"), "")
    bad = row(1, "caf").encode().replace(b"caf", b"caf\xe9")
    items = read(first + bad + b"\n\n" + text(row(1, "last")), SPEC, CONFIG)
    assert [type(item) for item in items] == [EncodedRecord, Reject, EncodedRecord]
    assert (items[1].reason, items[1].line) == (Reason.UNDECODABLE, 3)
    assert "0xe9" in items[1].message


def test_undecodable_bytes_in_a_comment_or_a_column_that_is_not_used_cost_nothing(read):
    data = b"# text = caf\xe9\n" + row(1, "good").encode()[:-1] + b"\xe9\n\n"
    assert [type(item) for item in read(data, SPEC, CONFIG)] == [EncodedRecord]


def test_undecodable_bytes_after_the_last_sentence_are_counted(read):
    good, bad = read(text(row(1), "") + b"\xff", SPEC, CONFIG)
    assert (type(good), bad.reason, bad.line) == (EncodedRecord, Reason.MALFORMED, 3)
    items = read(text(row(1), "") + b" \n\n\n", SPEC, CONFIG)
    assert [type(item) for item in items] == [EncodedRecord]


@pytest.mark.parametrize(
    ("source", "kind"), [("WORD", "token"), ("UPOS:x", "token"), ("tokens", "token"), ("FORM", "vector")]
)
def test_the_reader_refuses_a_source_that_is_not_in_the_format(source, kind):
    width = 2 if kind == "vector" else None
    with pytest.raises(ValueError, match=r"`x` (is of kind|has the source)"):
        ConlluReader(SequenceSpec(features={"x": Feature(kind=kind, source=source, width=width)}), {})


def test_the_reader_refuses_an_option_that_it_does_not_have():
    with pytest.raises(ValueError, match="range"):
        ConlluReader(SPEC, {"range": "keep"})


@given(st.binary(max_size=60) | st.text("1\t_\n#=.- ü", max_size=60).map(str.encode))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data):
    items = read(data, SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)
