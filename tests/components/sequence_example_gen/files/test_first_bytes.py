import io
import zipfile

import numpy as np
import pytest
from support.fuzzed_readers import FORMATS

from tfx_sequence.components.sequence_example_gen.files.first_bytes import (
    HEAD_BYTES,
    describe_content,
    is_text,
    recognize_format,
)

TOLD_BY_BYTES = ["conllu", "json", "jsonl", "npz", "parquet", "sequence_example", "ts"]


def make_archive(name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "words")
    return stream.getvalue()


@pytest.mark.parametrize("name", TOLD_BY_BYTES)
def test_the_format_of_a_valid_file_is_recognised(name):
    assert recognize_format(FORMATS[name].valid[:HEAD_BYTES]) == name


@pytest.mark.parametrize("name", ["columns", "csv", "parallel", "text"])
def test_the_formats_of_other_texts_are_not_told_apart(name):
    data = FORMATS[name].valid
    assert (recognize_format(data), describe_content(data)) == (None, "text")


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (make_archive("words.txt"), "a zip archive"),
        (b"", "no known kind of file"),
        (b"\x00\x01", "no known kind of file"),
        ("é".encode() * 9, "text"),
        (b"\xff\xfea", "no known kind of file"),
        (np.float32([1]).tobytes(), "no known kind of file"),
    ],
)
def test_other_files_are_described(data, description):
    assert (recognize_format(data), describe_content(data)) == (None, description)


def test_a_text_may_end_within_a_character():
    data = "é".encode() * 9
    assert is_text(data[:-1])
    assert not is_text(data[:-1] + b"x")
