"""Vocabularies in plain Python, and how their values stand in files."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.vocabulary import (
    BEGIN,
    EMPTY,
    END,
    ESCAPES,
    OOV,
    SYMBOLS,
    Vocabulary,
    VocabularyError,
    read_vocabulary,
)

OPEN = Vocabulary((b"the", b"a", b""))
CLOSED = Vocabulary((b"NOUN", b"VERB"), closed=True)


def escaped(value):
    for plain, written in ESCAPES:
        value = value.replace(plain.encode(), written.encode())
    return value or EMPTY.encode()


def test_ids_begin_at_one_and_end_with_unseen_values():
    assert OPEN.look_up_ids([b"the", b"a", b"", b"unseen"]) == [1, 2, 3, 4]
    assert (OPEN.oov_id, OPEN.num_ids) == (4, 5)


def test_closed_vocabulary_has_no_id_for_unseen_values():
    assert CLOSED.num_ids == 3
    assert CLOSED.look_up_ids([b"VERB", b"NOUN"]) == [2, 1]
    with pytest.raises(KeyError, match="ADJ"):
        CLOSED.look_up_ids([b"ADJ"])


def test_values_are_those_of_the_ids():
    assert OPEN.look_up_values([1, 3, 4, PAD_ID]) == [b"the", b"", OOV.encode(), b""]
    assert CLOSED.look_up_values([2, 1, PAD_ID]) == [b"VERB", b"NOUN", b""]


def test_symbols_stand_before_the_entries():
    vocabulary = Vocabulary.from_lines([b"\\b", b"\\e", b"[END]", b"a"])
    assert vocabulary == Vocabulary((b"[END]", b"a"), symbols=(BEGIN, END))
    assert (vocabulary.find_symbol_id(BEGIN), vocabulary.find_symbol_id(END)) == (1, 2)
    assert vocabulary.look_up_ids([b"[END]", b"a", b"[BEGIN]", b"\\b"]) == [3, 4, 5, 5]
    assert vocabulary.names == (b"[BEGIN]", b"[END]", b"[END]", b"a", b"[OOV]")
    assert (vocabulary.oov_id, vocabulary.num_ids) == (5, 6)
    assert vocabulary.look_up_values([2, 3, 5, PAD_ID]) == [b"[END]", b"[END]", b"[OOV]", b""]
    assert CLOSED.names == (b"NOUN", b"VERB")


def test_a_symbol_that_is_not_there_is_an_error():
    assert Vocabulary.from_lines([b"\\e", b"a"]).find_symbol_id(END) == 1
    with pytest.raises(ValueError, match=re.escape("the vocabulary has no [BEGIN]; its symbols are [END]")):
        Vocabulary.from_lines([b"\\e", b"a"]).find_symbol_id(BEGIN)


class Graph:
    """The two questions that `read_vocabulary` asks of a TFTransformOutput."""

    def __init__(self, lines, num_ids):
        self._lines, self._num_ids = lines, num_ids

    def vocabulary_file_by_name(self, _):
        return self._lines and "file"

    def vocabulary_by_name(self, _):
        return self._lines

    def num_buckets_for_transformed_feature(self, _):
        return self._num_ids


def test_vocabulary_of_a_feature_is_closed_when_it_has_no_id_for_unseen_values():
    lines = [b"NOUN", b"VERB"]
    assert read_vocabulary(Graph(lines, 3), "tags") == CLOSED
    assert read_vocabulary(Graph(lines, 4), "tags") == Vocabulary(CLOSED.entries)
    assert read_vocabulary(Graph(None, 4), "tags") is None


@given(
    st.lists(st.binary(max_size=6), unique=True), st.lists(st.binary(max_size=6)), st.sets(st.sampled_from([*SYMBOLS]))
)
def test_no_value_is_padding_or_a_symbol_and_every_entry_comes_back(entries, values, symbols):
    vocabulary = Vocabulary(tuple(entries), symbols=tuple(sorted(symbols)))
    ids = vocabulary.look_up_ids(values)
    assert all(FIRST_ID + len(symbols) <= number < vocabulary.num_ids for number in ids)
    assert vocabulary.look_up_values(vocabulary.look_up_ids(entries)) == entries
    assert all(
        (number == vocabulary.oov_id) == (value not in entries) for number, value in zip(ids, values, strict=True)
    )


@given(st.lists(st.one_of(st.binary(max_size=6), st.text("\\\nnr0", max_size=5).map(str.encode)), unique=True))
def test_values_survive_a_file_of_lines(entries):
    lines = [escaped(value) for value in entries]
    assert len(set(lines)) == len(entries)
    assert not any(b"\n" in line or b"\r" in line or not line for line in lines)
    assert not set(lines) & {line.encode() for line in SYMBOLS.values()}
    assert Vocabulary.from_lines(lines).entries == tuple(entries)


@given(
    st.lists(st.one_of(st.text(max_size=6), st.text("\\\nnr0", max_size=5)).map(str.encode), min_size=1, unique=True),
    st.booleans(),
)
def test_from_file_reads_what_from_lines_reads(entries, ends_with_a_line_feed):
    data = b"\n".join(map(escaped, entries)) + b"\n" * ends_with_a_line_feed
    assert Vocabulary.from_file(data, "words.txt").entries == tuple(entries)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "words.txt is empty"),
        (b"a\n\nb\n", "words.txt, line 2: it is empty; the empty value is written \\0"),
        (b"a\n\n", "words.txt, line 2: it is empty"),
        (b"a\nb\na\n", "words.txt, line 3: 'a' is already in line 1"),
        (b"a\r\nb\r\n", "words.txt, line 1: it has a carriage return"),
        (b"a\nC:\\dir", "words.txt, line 2: it has a single backslash"),
        (b"a\nb\\", "words.txt, line 2: it has a single backslash"),
        (b"a\\0", "words.txt, line 1: it has a single backslash"),
        (b"\\b\na\n\\e", "words.txt, line 3: it has a single backslash"),
        (b"\\b\n\\b", "words.txt, line 2: it has a single backslash"),
        (b"\xff", "words.txt, line 1: it is not UTF-8"),
    ],
)
def test_from_file_names_the_line_that_is_wrong(data, message):
    with pytest.raises(VocabularyError, match=f"^{re.escape(message)}"):
        Vocabulary.from_file(data, "words.txt")


def test_vocabularies_are_values():
    assert pickle.loads(pickle.dumps(OPEN)) == OPEN
    assert Vocabulary(OPEN.entries, closed=True) != OPEN
