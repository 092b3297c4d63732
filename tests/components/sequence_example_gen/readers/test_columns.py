import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.columns import ColumnsReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

NAMES = ["word", "pos", "tag"]
SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="word"),
        "tags": Feature(kind="categorical", role="label", source="tag"),
    }
)


def config(**options):
    return ReadConfig(format="columns", options=options)


def numbered(first, last):
    features = {"tokens": Feature(kind="token", source=first), "tags": Feature(kind="categorical", source=last)}
    return SequenceSpec(features=features)


@given(st.data(), st.sampled_from([None, " ", "\t", "||"]), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@RELAXED
def test_sequences_come_out_as_they_went_in(records, data, separator, end, by_name):
    outside = " \t\r\n" if separator is None else separator + "\r\n \t"
    cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=outside), min_size=1, max_size=6)
    row = st.tuples(cells.filter(lambda cell: not cell.startswith("-DOCSTART-")), cells, cells)
    sequences = data.draw(st.lists(st.lists(row, min_size=1, max_size=4), min_size=1, max_size=4))
    text = (end + data.draw(st.sampled_from(["", " ", "\t "])) + end).join(
        end.join((separator or data.draw(st.sampled_from([" ", "\t", "  "]))).join(cells) for cells in sequence)
        for sequence in sequences
    )
    options = {"separator": separator} | ({"names": NAMES} if by_name else {})
    got = records(b"\xef\xbb\xbf" + text.encode(), SPEC if by_name else numbered("0", "-1"), config(**options))
    want = [{"tokens": [w for w, _, _ in rows], "tags": [t for _, _, t in rows]} for rows in sequences]
    assert got == want


CONLL_2003 = b"""-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

-DOCSTART- -X- O O
Peter NNP I-NP I-PER
"""


def test_docstart_ends_a_sequence_and_is_no_step(records):
    assert records(CONLL_2003, numbered("0", "3"), config()) == [
        {"tokens": ["EU", "rejects"], "tags": ["I-ORG", "O"]},
        {"tokens": ["Peter"], "tags": ["I-PER"]},
    ]


@pytest.mark.parametrize("options", [{"names": NAMES}, {}])
def test_a_row_with_more_columns_rejects_the_sequence_or_is_cut(options, read, records):
    data = b"a X O\nb Y extra O\n\nc X O\n"
    spec = SPEC if options else numbered("0", "2")
    bad, good = read(data, spec, config(**options))
    assert (bad.reason, bad.line) == (Reason.MALFORMED, 2)
    assert "the row has 4 columns, expected 3; `extra` = 'ignore'" in bad.message
    assert good.record == {"tokens": ["c"], "tags": ["O"]}
    assert records(data, spec, config(**options, extra="ignore"))[0] == {"tokens": ["a", "b"], "tags": ["O", "extra"]}


@pytest.mark.parametrize(
    ("data", "options", "line"),
    [
        (b"a X O\nb O\n", {"names": NAMES}, 2),
        (b"a X\n", {"names": NAMES, "extra": "ignore"}, 1),
        (b"a X O\nb O\n", {}, 2),
        (b"a\n", {"extra": "ignore"}, 1),
    ],
)
def test_a_row_with_too_few_columns_rejects_the_sequence(data, options, line, read):
    (bad,) = read(data, SPEC if "names" in options else numbered("0", "1"), config(**options))
    assert (bad.reason, bad.line) == (Reason.MALFORMED, line)


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (
            {"x": Feature(kind="token", source="form")},
            {"names": NAMES},
            "source 'form', expected one of word, pos, tag",
        ),
        ({"x": Feature(kind="token")}, {}, "source 'x', expected the number of a column"),
        ({"x": Feature(kind="token", source="0"), "c": Feature(kind="token", context=True)}, {}, "`c` is a context"),
        ({"x": Feature(kind="token", source="0")}, {"separator": ""}, "separator"),
    ],
)
def test_the_reader_refuses_what_it_cannot_read(features, options, message):
    with pytest.raises(ValueError, match=message):
        ColumnsReader(SequenceSpec(features=features), options)


@given(st.binary(max_size=60) | st.text("a -\t\nDOCSTART", max_size=60).map(str.encode), st.sampled_from([None, "\t"]))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data, separator):
    items = read(data, numbered("0", "-2"), config(separator=separator))
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)
