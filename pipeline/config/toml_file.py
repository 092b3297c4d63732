"""Configs as TOML files."""

from __future__ import annotations

import glob
import json
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pydantic

from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.pipeline.config.problems import ConfigError, Problem, dotted, problems_in, shown
from tfx_sequence.pipeline.config.tables import FOLDER, Config, DataConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_config(path: str | os.PathLike[str]) -> Config:
    """Reads a config, and checks all that can be checked before anything runs.

    Args:
      path: A TOML file. Relative paths in it are relative to the folder that it is in.

    Returns:
      The config, with absolute paths.

    Raises:
      ConfigError: if the file cannot be read or holds anything that is not allowed, or if input files are missing.
    """
    config = read_config(path)
    if problems := tuple(_missing_input(config.data)) or tuple(_misread_input(config)):
        raise ConfigError(os.fspath(path), problems)
    return config


def read_config(path: str | os.PathLike[str]) -> Config:
    """Reads a config whose input files are of no concern; otherwise what `load_config` does."""
    file = os.fspath(path)
    # Strict: `epochs = "20"` and `epochs = true` are mistakes. Through JSON, where a list may become a tuple.
    text = json.dumps(_read_toml(file), default=str)
    folder = str(pathlib.Path(file).absolute().parent)
    try:
        return Config.model_validate_json(text, strict=True, context={FOLDER: folder})
    except pydantic.ValidationError as error:
        raise ConfigError(file, tuple(problems_in(error, Config))) from None


def _read_toml(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(file, (Problem("", f"the config cannot be read: {error.strerror}"),)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, (Problem("", f"not UTF-8 text, at byte {error.start}"),)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, (Problem("", f"not TOML: {error}"),)) from None


def _missing_input(data: DataConfig) -> Iterator[Problem]:
    try:
        folder = data.folder
    except ValueError as error:
        yield Problem("data.input", str(error), shown(data.input))
        return
    if "://" in folder:
        return
    if not os.path.isdir(folder):
        yield Problem("data.input", "there is no such folder", shown(folder))
        return
    patterns = {"": data.files} if isinstance(data.files, str) else data.files
    for split, pattern in patterns.items():
        if not glob.glob(os.path.join(glob.escape(folder), pattern), recursive=True):
            key = dotted(["data", "files", split] if split else ["data", "files"])
            yield Problem(key, f"no file in {folder} matches", shown(pattern))


def _misread_input(config: Config) -> Iterator[Problem]:
    """What the reader of the format does not take."""
    if ":" in config.data.format:
        return  # What a project brings with it can be imported once the run begins.
    try:
        check_settings(config.spec, config.data, config.data.split if isinstance(config.data.files, str) else None)
    except ValueError as error:
        yield Problem("data", str(error))
