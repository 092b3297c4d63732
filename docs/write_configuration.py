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
from tfx_sequence.schemas.spec import MAX_COUNT, Feature

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
    """Returns the whole document."""
    lines = [HEAD]
    for name, model in TABLES.items():
        lines += _render_table(name, model)
    return "\n".join(lines)


def _render_table(name: str, model: type[pydantic.BaseModel]) -> Iterator[str]:
    summary = inspect.cleandoc(model.__doc__ or "").splitlines()[0]
    yield f"## `[{name}]`\n"
    yield f"{summary}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    meanings = _read_meanings(model)
    for key, schema in model.model_json_schema()["properties"].items():
        if _has_own_table(f"{name}.{key}"):
            continue
        # The schema has no default where it is made anew each time, as an empty table is.
        default = schema.get("default", model.model_fields[key].get_default(call_default_factory=True))
        cells = [f"`{key}`", _describe_values(schema), _format_default(default), meanings[key]]
        escaped = [cell.replace("|", "\\|") for cell in cells]
        yield f"| {' | '.join(escaped)} |"
    yield ""


def _has_own_table(path: str) -> bool:
    """Returns whether a key is a table that has a section of its own: `model.heads` has `[model.heads.<label>]`."""
    return any(table.split(".<")[0] == path for table in TABLES)


def _read_meanings(model: type[pydantic.BaseModel]) -> dict[str, str]:
    """Reads the descriptions of attributes from the docstrings of a model and of those that it extends."""
    meanings: dict[str, str] = {}
    for base in reversed(model.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        # An entry begins with two spaces and a name; its further lines are indented more.
        for entry in re.split(r"\n(?=  \w)", attributes):
            name, _, text = entry.strip().partition(": ")
            meanings[name] = " ".join(text.split())
    return meanings


def _describe_values(schema: Mapping[str, Any]) -> str:
    """Describes the values that a key may have; that it may be absent is seen from its default."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return " or ".join(_describe_type(option) for option in options)


def _describe_type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_describe_type(schema['items'])}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"table of {_describe_type(values)}" if isinstance(values, Mapping) else "table"
    json_type = schema.get("type", "any")
    parts = [{"string": "text", "boolean": "`true`, `false`"}.get(json_type, json_type)]
    for bound, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")):
        # That a number has at most 32 bits is no news to a reader.
        if bound in schema and schema[bound] != MAX_COUNT:
            parts.append(f"{sign} {schema[bound]:g}")
    return ", ".join(parts)


def _format_default(default: Any) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return ""
    if isinstance(default, dict):
        entries = ", ".join(f"{key} = {json.dumps(value)}" for key, value in default.items())
        return f"`{{ {entries} }}`" if entries else "`{}`"
    return f"`{json.dumps(default)}`"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
