"""Finds out from a config what its model can be asked, for the advice at the end of a run."""

from __future__ import annotations

from tfx_sequence.components.sequence_example_gen.readers.text import NEXT
from tfx_sequence.components.sequence_transform.config import make_transformed_spec
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.schemas.spec import Feature


def reads_words(config: Config) -> bool:
    """Returns whether the model can be asked about words with spaces between them, and needs nothing else."""
    inputs = [feature for feature in config.features.values() if feature.role == "input"]
    is_one_sequence = [(each.kind, each.context, each.nested) for each in inputs] == [("token", False, False)]
    # Other steps of a text, such as characters, may be spaces themselves.
    return is_one_sequence and config.data.options.get("steps", "whitespace") == "whitespace"


def name_question(config: Config) -> str:
    """Names what the model can be asked about a sentence, by the kinds of its labels."""
    labels = make_transformed_spec(config.spec, config.transform).with_role("label")
    questions = {_name_label_question(config, name, label) for name, label in labels.items()}
    return questions.pop() if len(questions) == 1 else "ask about a sentence"


def _name_label_question(config: Config, name: str, label: Feature) -> str:
    """Names what one label says about a sentence."""
    vocabularies = config.transform.values()
    if label.source == NEXT or name in {vocabulary.next for vocabulary in vocabularies}:
        return "continue a sentence"
    if name in {vocabulary.previous for vocabulary in vocabularies}:
        return "precede a sentence"
    if label.dtype != "string":
        return "predict numbers"
    return "classify a sentence" if label.context else "tag a sentence"
