"""Files of vectors, written here byte by byte, read back."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform import VectorsError
from tfx_sequence.components.sequence_transform.embeddings import align_vectors
from tfx_sequence.components.sequence_transform.vector_files import parse_vectors, read_vectors
from tfx_sequence.schemas.vocabulary import BEGIN, Vocabulary


def text(rows, end=b"\n"):
    return b"".join(word + b"".join(b" %r" % float(number) for number in vector) + end for word, vector in rows)


def header(rows):
    return b"%d %d\n" % (len(rows), len(rows[0][1]))


def binary(rows, after=b""):
    return b"".join(word + b" " + np.array(vector, "<f4").tobytes() + after for word, vector in rows)


FORMATS = {
    "word2vec_text": lambda rows: header(rows) + text(rows),
    "fasttext": lambda rows: header(rows) + text(rows, b" \n"),
    "glove": text,
    "without_last_line_end": lambda rows: text(rows).removesuffix(b"\n"),
    "word2vec_binary": lambda rows: header(rows) + binary(rows, b"\n"),
    "gensim_binary": lambda rows: header(rows) + binary(rows),
}
ROWS = [(b"the", [0.5, -1.25, 3.0]), ("\u00e9\u2028".encode(), [1e-8, 0.0, 2.0]), (b"0", [1.0, 2.0, 3.0])]


def write(tmp_path, data, zipped=False):
    path = tmp_path / "vectors"
    path.write_bytes(gzip.compress(data) if zipped else data)
    return str(path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_read_vectors_reads_every_format(tmp_path, form, zipped):
    path = write(tmp_path, FORMATS[form](ROWS), zipped)
    entries = list(read_vectors(path, [word for word, _ in ROWS]))
    assert [word for word, _ in entries] == [word for word, _ in ROWS]
    np.testing.assert_array_equal([vector for _, vector in entries], np.array([v for _, v in ROWS], np.float32))
    assert {vector.dtype for _, vector in entries} == {np.dtype(np.float32)}
    assert [word for word, _ in read_vectors(path, [b"0", b"th", b"other"])] == [b"0"]


_words = st.binary(min_size=1, max_size=4).filter(lambda word: not set(word) & set(b" \n\r\t"))
_vectors = st.lists(st.floats(-9, 9, width=32), min_size=2, max_size=2)


@given(
    st.lists(st.tuples(_words, _vectors), min_size=1, max_size=8), st.sampled_from(list(FORMATS)), st.integers(1, 40)
)
def test_parse_vectors_does_not_depend_on_the_size_of_chunks(rows, form, chunk):
    """However the bytes come in, and whatever is in them: floats hold line ends and spaces, too."""

    class Bytes:
        def __init__(self, data):
            self.data = data

        def read(self, _):
            piece, self.data = self.data[:chunk], self.data[chunk:]
            return piece

    words = [word for word, _ in rows]
    read = list(parse_vectors(Bytes(FORMATS[form](rows)), "file", words))
    assert [word for word, _ in read] == [word for word, _ in rows]
    np.testing.assert_array_equal([vector for _, vector in read], np.array([v for _, v in rows], np.float32))


def test_read_vectors_takes_words_with_spaces(tmp_path):
    rows = [(b"one", [1.0, 2.0]), (b". . .", [3.0, 4.0]), (b"at name@domain.com", [5.0, 6.0]), (b"", [7.0, 8.0])]
    found = {
        word: vector.tolist() for word, vector in read_vectors(write(tmp_path, text(rows)), [b". . .", b"at", b""])
    }
    assert found == {b". . .": [3.0, 4.0], b"": [7.0, 8.0]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: neither"),
        (b"no vectors here\n", "line 1: neither"),
        (b"a 1 2\nb 1\n", "line 2: expected a word and 2 finite numbers"),
        (b"2 2\na 1 2\nb 1 x\n", "line 3: expected a word and 2 finite numbers"),
        (b"a 1 2\nb nan 2\n", "line 2: expected a word and 2 finite numbers"),
        (header(ROWS) + binary(ROWS)[:-1], "ends within vector 3 of 3"),
        (b"1 1\n" + binary([(b"b", [float("inf")])]), "vector 1, of b'b', has a number that is not finite"),
        (gzip.compress(text(ROWS), mtime=0)[:-9], "the gzip file is damaged"),
    ],
)
def test_read_vectors_names_the_place_when_a_file_is_damaged(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(VectorsError, match=rf"^{re.escape(path)}.*{message}"):
        list(read_vectors(path, [b"a", b"b", b"0", b"the"]))


def test_align_vectors_orders_rows_by_id_and_fills_missing_ones_with_the_mean(tmp_path):
    path = write(tmp_path, text([(b"b", [1.0, 0.0]), (b"z", [99.0, 99.0]), (b"a", [3.0, 4.0]), (b"b", [7.0, 7.0])]))
    matrix, found = align_vectors(Vocabulary((b"a", b"b", b"c"), symbols=(BEGIN,)), path)
    assert found == {b"a", b"b"}
    mean = [2.0, 2.0]
    assert matrix.tolist() == [[0.0, 0.0], mean, [3.0, 4.0], [1.0, 0.0], mean, mean]


def test_align_vectors_raises_when_no_entry_has_a_vector(tmp_path):
    with pytest.raises(VectorsError, match=r"for none of the 2 entries of the vocabulary, such as 'A', 'B'; is it for"):
        align_vectors(Vocabulary((b"A", b"B")), write(tmp_path, text(ROWS)))
