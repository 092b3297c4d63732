"""The table of signatures: what it says of them is what ServingModel has and what the docs say."""

from __future__ import annotations

import re

from support.paths import ROOT

from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.serving.signatures import SIGNATURES


def test_signature_names_a_method_of_the_serving_model() -> None:
    assert [row.method for row in SIGNATURES if not callable(getattr(ServingModel, row.method, None))] == []


def test_docs_list_every_signature_with_what_it_answers() -> None:
    text = (ROOT / "docs" / "serving.md").read_text("utf-8")
    (section,) = re.findall(r"## Signatures\n(.*?)\n## ", text, re.DOTALL)
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", section, re.MULTILINE)
    assert rows == [(row.name, row.answers) for row in SIGNATURES]
