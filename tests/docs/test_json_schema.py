"""The JSON Schema of a `SequenceSpec`, published in docs/sequence_spec.schema.json.

After a change of the spec that is meant:

    python tests/docs/test_json_schema.py > docs/sequence_spec.schema.json
"""

from __future__ import annotations

import json

from support.paths import ROOT

from tfx_sequence.schemas.spec import SequenceSpec

PUBLISHED = ROOT / "docs" / "sequence_spec.schema.json"


def text() -> str:
    """The schema, with the names of fields and their meaning."""
    return f"{json.dumps(SequenceSpec.model_json_schema(), indent=2, ensure_ascii=False)}\n"


def test_published_schema_is_that_of_the_spec() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == text(), "run: python tests/docs/test_json_schema.py > the file"


def test_schema_has_every_field_and_allows_no_other() -> None:
    schema = json.loads(text())
    assert set(schema["properties"]) == set(SequenceSpec.model_fields)
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["Feature"]["properties"]["kind"]["enum"]) >= {"token", "categorical", "vector"}


if __name__ == "__main__":
    print(text(), end="")
