import pytest

CONFIG = """
[pipeline]
name = "tiny"

[data]
input = "corpus"
files = "*.conllu"
format = "conllu"

[features.tokens]
kind = "token"
source = "FORM"

[features.upos]
kind = "categorical"
role = "label"
"""


@pytest.fixture
def config_file(tmp_path):
    """A small valid config, with a corpus beside it."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.conllu").write_text("1\ta\n", encoding="utf-8")
    file = tmp_path / "pipeline.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file
