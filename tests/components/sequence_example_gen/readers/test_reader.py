"""The interface of readers, and readers that another package brings."""

import inspect

import pytest
from support.reader_package import install_words_reader

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    Reader,
    keep_records,
    load_reader,
    make_reader,
    make_text_spec,
)
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"tokens": Feature(kind="token")})


@pytest.fixture
def words(tmp_path):
    """A plug-in package on the path, with a reader and its entry point."""
    with install_words_reader(tmp_path):
        yield


@pytest.mark.parametrize("name", ["words", "words_plugin:Words"])
def test_reader_of_a_package_reads_when_named_by_format_or_by_class(name, words, records):
    assert records(b"a b\nc\n", SPEC, ReadConfig(format=name)) == [{"tokens": ["a", "b"]}, {"tokens": ["c"]}]
    config = ReadConfig(format=name, options={"separator": ","})
    assert records(b"a b,c\n", SPEC, config) == [{"tokens": ["a b", "c"]}]


@pytest.mark.parametrize("name", ["no_such_module:X", "json:NoSuchReader"])
def test_make_reader_names_the_reader_when_it_cannot_be_imported(name):
    with pytest.raises(ValueError, match=f"`format` is '{name}', but its class cannot be imported"):
        make_reader(ReadConfig(format=name), SPEC)


def test_make_reader_lists_the_formats_when_the_name_is_none_of_them(words):
    names = ", ".join([*READERS.rows, "words"])
    with pytest.raises(ValueError, match=f"^`format` is 'conlu', expected one of {names}, or a class as 'module:Cl"):
        make_reader(ReadConfig(format="conlu"), SPEC)


@pytest.mark.parametrize("name", READERS.rows)
def test_every_reader_says_what_it_reads_and_how_its_features_are_discovered(name):
    reader = load_reader(name)
    assert Reader in reader.__mro__
    assert inspect.getdoc(reader).startswith("Reader of")
    has_sample = reader.sample.__func__ is not Reader.sample.__func__
    assert has_sample != (reader.default_spec is not None)


def test_keep_records_raises_the_first_reject_when_there_is_no_record():
    rejects = [Reject(reason=Reason.MALFORMED, message=message) for message in ("first", "second")]
    assert list(keep_records([rejects[0], (1, {"x": 1}), rejects[1]])) == [{"x": 1}]
    with pytest.raises(BadRecordError, match="first"):
        list(keep_records(rejects))
    assert list(keep_records([])) == []


def test_keep_records_ends_at_damage_or_raises_it_when_there_is_no_record():
    def read(items):
        yield from items
        raise DamagedFileError("cut off")

    assert list(keep_records(read([(1, {"x": 1})]))) == [{"x": 1}]
    with pytest.raises(DamagedFileError, match="cut off"):
        list(keep_records(read([Reject(reason=Reason.MALFORMED, message="first")])))


def test_make_text_spec_allows_columns_of_any_name():
    spec = make_text_spec(["a b", "/", "#"])
    assert [spec.source(name) for name in spec.features] == ["a b", "/", "#"]
