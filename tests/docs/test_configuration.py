import importlib.util
import typing

import pydantic
import pytest
from support.paths import ROOT

from tfx_sequence.pipeline.config.tables import Config

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location("write_configuration", DOCS / "write_configuration.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_document_is_what_the_models_say(writer):
    written = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert written == writer.render(), "run: python docs/write_configuration.py"


def test_document_has_every_table_of_a_config(writer):
    def models(annotation):
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            yield annotation
            for field in annotation.model_fields.values():
                yield from models(field.annotation)
        for argument in typing.get_args(annotation):
            yield from models(argument)

    assert set(writer.TABLES.values()) == set(models(Config)) - {Config}


def test_document_explains_every_key(writer):
    rows = [line for line in writer.render().splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        assert row.split(" | ")[-1].removesuffix(" |").strip(), row
