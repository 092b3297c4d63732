"""Writes `configuration.md`, the table of every key of a config, from the models that check configs.

Run it after a change to a setting or to its description: `python docs/write_configuration.py`.
"""

from __future__ import annotations

import inspect
import json
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic
from pydantic_core import PydanticUndefined

from tfx_sequence.components.sequence_evaluator.thresholds import Threshold
from tfx_sequence.components.sequence_example_gen.config import WriteConfig
from tfx_sequence.components.sequence_trainer.config.model import CharacterConfig, HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.config.tuning import Range, TuningConfig
from tfx_sequence.components.sequence_transform.config import NumberConfig, VocabularyConfig
from tfx_sequence.pipeline.config.tables import (
    DataConfig,
    DataSplitConfig,
    EvaluationConfig,
    LengthConfig,
    PipelineConfig,
    PipelineTrainingConfig,
    ServingConfig,
    ValidationConfig,
)
from tfx_sequence.schemas.spec import Feature

FILE = pathlib.Path(__file__).with_name("configuration.md")

TABLES: dict[str, type[pydantic.BaseModel]] = {
    "pipeline": PipelineConfig,
    "data": DataConfig,
    "data.split": DataSplitConfig,
    "data.write": WriteConfig,
    "features.<name>": Feature,
    "sequence": LengthConfig,
    "validation": ValidationConfig,
    "transform.<feature>": VocabularyConfig,
    "numbers.<feature>": NumberConfig,
    "model": ModelConfig,
    "model.characters": CharacterConfig,
    "model.heads.<label>": HeadConfig,
    "training": PipelineTrainingConfig,
    "tuning": TuningConfig,
    "tuning.space.<setting>": Range,
    "evaluation": EvaluationConfig,
    "evaluation.thresholds.<metric>": Threshold,
    "serving": ServingConfig,
}

HEAD = """# Configuration

<!-- Written by write_configuration.py: change the models, not this file. -->

`tfx-sequence run CONFIG` reads a TOML file with the tables below. `[pipeline]`, `[data]` and at least one input and one
label under `[features]` are required; all else has a default. Relative paths are relative to the file's own folder. An
unknown key is an error. [The example](../examples/pos_tagging/pipeline.toml) gives its reasons.
"""


def render() -> str:
    """The whole document."""
    return "\n".join([HEAD, *(line for name, model in TABLES.items() for line in _section(name, model))])


def _section(name: str, model: type[pydantic.BaseModel]) -> Iterator[str]:
    yield f"## `[{name}]`\n"
    yield f"{inspect.cleandoc(model.__doc__ or '').splitlines()[0]}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    meanings = _meanings(model)
    for key, schema in model.model_json_schema()["properties"].items():
        if not any(table.split(".<")[0] == f"{name}.{key}" for table in TABLES):
            default = schema.get("default", model.model_fields[key].get_default(call_default_factory=True))
            cells = (f"`{key}`", _allowed(schema), _shown(default), meanings[key])
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _meanings(model: type[pydantic.BaseModel]) -> dict[str, str]:
    """Attribute to description, from the docstrings of the model and of those that it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        for entry in re.split(r"\n(?=  \w)", attributes):
            name, _, text = entry.strip().partition(": ")
            found[name] = " ".join(text.split())
    return found


def _allowed(schema: Mapping[str, Any]) -> str:
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(_kind(option) for option in options)


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"table of {_kind(inner)}" if isinstance(inner, Mapping) else "table"
    name = {"string": "text", "boolean": "`true`, `false`"}.get(schema.get("type", ""), schema.get("type", "any"))
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join([name, *(f"{sign} {schema[bound]:g}" for bound, sign in bounds.items() if bound in schema)])


def _shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, dict):
        entries = ", ".join(f"{key} = {json.dumps(value)}" for key, value in default.items())
        return f"`{{ {entries} }}`" if entries else "`{}`"
    return "" if default is None else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
