"""Reads a config from a TOML file, and checks that the input files exist."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pydantic

from tfx_sequence.components.file_patterns import match_files
from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.pipeline.config.own_code import find_own_code_problems
from tfx_sequence.pipeline.config.problems import ConfigError, Problem, format_key, format_value, translate_errors
from tfx_sequence.pipeline.config.spans import name_resolved_patterns
from tfx_sequence.pipeline.config.tables import FOLDER, Config, DataConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BYTE_ORDER_MARK = "\ufeff"


def load_config(path: str | os.PathLike[str], span: int | None = None) -> Config:
    """Reads a config, and finds all problems that can be found before the pipeline runs.

    The own code that the config names becomes importable in this process; see docs/configuration.md.

    Args:
      path: The path of a TOML file. Relative paths in the file are relative to its folder.
      span: The span to read, which replaces `data.span`. If None, `data.span`, or else the latest span.

    Returns:
      The config, with absolute paths.

    Raises:
      ConfigError: if the file cannot be read, a key or value is not allowed, or input files are missing.
    """
    config = read_config(path, span)
    problems = list(_check_input_files(config.data))
    if not problems:
        # A missing file would also make the reader fail, with a message that helps less.
        problems = list(_check_reader(config))
    if problems:
        raise ConfigError(os.fspath(path), tuple(problems))
    return config


def read_config(path: str | os.PathLike[str], span: int | None = None) -> Config:
    """Reads a config like `load_config`, but does not check the input files.

    Raises:
      ConfigError: if the file cannot be read, or a key or value is not allowed.
    """
    file = os.fspath(path)
    # The validation is strict because `epochs = "20"` and `epochs = true` are mistakes. The config is converted to JSON
    # because strict pydantic accepts a list for a tuple only in JSON. Dates of TOML become text, as JSON has none.
    folder = str(pathlib.Path(file).absolute().parent)
    try:
        tables = _parse_toml(file)
        if span is not None and isinstance(tables.get("data"), dict):
            tables["data"]["span"] = span
        text = json.dumps(tables, default=str)
        problems = find_own_code_problems(folder, tables)
    except RecursionError:
        raise ConfigError(file, (Problem("", "lists or tables are nested too deeply"),)) from None
    if problems:
        raise ConfigError(file, tuple(problems))
    try:
        return Config.model_validate_json(text, strict=True, context={FOLDER: folder})
    except pydantic.ValidationError as error:
        raise ConfigError(file, tuple(translate_errors(error, Config))) from None


def _parse_toml(file: str) -> dict[str, Any]:
    """Parses a file.

    Raises:
      ConfigError: if the file cannot be read or is not TOML.
      RecursionError: if its lists or tables are nested too deeply.
    """
    try:
        # Editors of Windows write a byte order mark before the text, which is no part of TOML.
        return tomllib.loads(pathlib.Path(file).read_text(encoding="utf-8").removeprefix(_BYTE_ORDER_MARK))
    except OSError as error:
        raise ConfigError(file, (Problem("", f"the config cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, (Problem("", f"not UTF-8 text, at byte {error.start}"),)) from None
    except ValueError as error:
        # Besides its own errors, the parser passes on those of Python, such as one about a number of 5,000 digits.
        raise ConfigError(file, (Problem("", f"not TOML: {error}"),)) from None


def _check_input_files(data: DataConfig) -> Iterator[Problem]:
    """Checks that the input folder exists and that each pattern matches a file in it."""
    try:
        folder = data.folder
    except ValueError as error:
        yield Problem("data.input", str(error), format_value(data.input))
        return
    if "://" in folder:
        # A bucket is checked when the run starts, because this check must not wait for a network.
        return
    if not os.path.isdir(folder):
        yield Problem("data.input", "there is no such folder", format_value(folder))
        return
    try:
        # A pattern that is not for one split is named "".
        patterns = name_resolved_patterns(data, "")
    except ValueError as error:
        yield Problem("data.files", str(error), format_value(data.files))
        return
    for split, pattern in patterns.items():
        key = format_key(["data", "files", split] if split else ["data", "files"])
        try:
            if not match_files(folder, pattern):
                yield Problem(key, f"no file in {folder} matches", format_value(pattern))
        except OSError as error:
            yield Problem(key, str(error), format_value(pattern))


def _check_reader(config: Config) -> Iterator[Problem]:
    """Checks that the reader of the format accepts the options and the features."""
    if ":" in config.data.format:
        return  # The project defines this reader, and its module is imported only when the run starts.
    try:
        check_settings(config.spec, config.data, config.data.split_config)
    except ValueError as error:
        yield Problem("data", str(error))
