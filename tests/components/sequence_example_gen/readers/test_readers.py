import inspect
import sys

import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.readers.reader import ENTRY_POINTS, READERS, Reader, make_reader
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"tokens": Feature(kind="token")})
WORDS = """
from tfx_sequence.components.sequence_example_gen.readers.reader import Reader

class Words(Reader):
    def __init__(self, spec, options): ...

    def read(self, source):
        for number, line in source.lines():
            yield number, {"tokens": line.split()}
"""


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A plug-in package on the path, with a reader and its entry point."""
    (tmp_path / "words_plugin.py").write_text(WORDS)
    info = tmp_path / "words_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nwords = words_plugin:Words\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("words_plugin", None)


@pytest.mark.parametrize("name", ["words", "words_plugin:Words"])
def test_a_plug_in_reads_by_name_or_by_class(name, words, records):
    assert records(b"a b\nc\n", SPEC, ReadConfig(format=name)) == [{"tokens": ["a", "b"]}, {"tokens": ["c"]}]


@pytest.mark.parametrize("name", ["no_such_module:X", "json:NoSuchReader"])
def test_a_reader_that_cannot_be_imported_is_named(name):
    with pytest.raises(ValueError, match=f"`format` is '{name}', but its reader cannot be imported"):
        make_reader(ReadConfig(format=name), SPEC)


def test_every_format_has_a_reader_that_says_what_it_takes():
    for name, target in READERS.items():
        module, _, attribute = target.partition(":")
        __import__(module)
        reader = getattr(sys.modules[module], attribute)
        assert Reader in reader.__mro__, name
        assert inspect.getdoc(reader).startswith("Reads"), name
