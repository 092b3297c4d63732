"""Finds the data that a command looks at: which files, in which format, with which features.

All commands take data in the same way. The names of the files tell the format, and the data tells its features, unless
arguments or a config say them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.readers.table import SEQUENCE_EXAMPLE, find_row, tell_format
from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error

if TYPE_CHECKING:
    from tfx_sequence.pipeline.config.tables import Config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TRAIN = "train"

_Model = TypeVar("_Model", bound=pydantic.BaseModel)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Files, and how to read them.

    Attributes:
      splits: Split name to files.
      read: The settings of the reader, its format among them.
      spec: The features of a record; None if they are for the data to tell.
      split: How the records of the only split are divided over others; None if they are not.
      write: How records are written.
      severities: Rule to severity, for rules that are not to be an error.
    """

    splits: dict[str, list[str]]
    read: ReadConfig
    spec: SequenceSpec | None
    split: SplitConfig | None = None
    write: WriteConfig = dataclasses.field(default_factory=WriteConfig)
    severities: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """All files, those of train first, for discovery looks at the first ones."""
        return [path for _, paths in sorted(self.splits.items(), key=train_first) for path in paths]


def train_first(item: tuple[str, Any]) -> tuple[bool, str]:
    """Returns the key that sorts (split name, value) pairs: train comes first, the others by name."""
    split, _ = item
    return split != TRAIN, split


def read_data_arguments(arguments: argparse.Namespace, paths: list[str], spec: SequenceSpec | None = None) -> Dataset:
    """Returns the data set that the arguments describe; the data itself is not opened.

    Args:
      arguments: Parsed arguments, with those of `add_data_arguments`.
      paths: Files, folders and patterns; if there are none, those that the config names.
      spec: The features of a record, if the arguments do not say them.

    Raises:
      CommandError: if arguments contradict each other, or there is nothing to read.
      ConfigError: if there is a config that cannot be used.
      NoDataError: if there is no file.
    """
    features = dict(map(_parse_feature, arguments.feature))
    options = dict(map(_parse_option, arguments.option))
    if arguments.config:
        if features or options or arguments.format:
            raise CommandError(
                "--config says what --format, --feature and --option would say; give the one or the others"
            )
        return _read_config_data(arguments.config, paths)
    if not paths:
        raise CommandError("no data is named; give files or folders, or --config with a config that names them")
    splits = _find_splits(paths, arguments.format)
    format_name = arguments.format or _guess_format(path for files in splits.values() for path in files)
    return Dataset(
        splits=_keep_files_of_format(splits, format_name),
        read=build_setting(ReadConfig, "--option", format=format_name, options=options),
        spec=build_setting(SequenceSpec, "--feature", features=features) if features else spec,
    )


def build_setting(model: type[_Model], argument: str, **values: Any) -> _Model:
    """Builds a setting from values of the command line.

    Args:
      model: The class of the setting.
      argument: The argument that the values came by, for the error message.
      **values: The values.

    Raises:
      CommandError: if a value is not allowed.
    """
    try:
        return model(**values)
    except pydantic.ValidationError as error:
        raise CommandError(f"{argument}: {describe_validation_error(error)}") from None


def _read_config_data(config_path: str, paths: list[str]) -> Dataset:
    """Reads data as a config says: the files in `paths`, or, if there are none, those of the config."""
    from tfx_sequence.pipeline.config.own_code import make_importable
    from tfx_sequence.pipeline.config.toml_file import load_config, read_config

    # The config is checked as a whole, and may name metrics of the project's own.
    make_importable(os.path.dirname(os.path.abspath(config_path)))
    if paths:
        # The config's own input may be missing: it is not looked at.
        config = read_config(config_path)
        splits = _keep_files_of_format(_find_splits(paths, config.data.format), config.data.format)
        split_config = None
    else:
        config = load_config(config_path)
        splits = _find_config_splits(config)
        split_config = config.data.split_config
    return Dataset(
        splits, config.data.read_config, config.spec, split_config, config.data.write, config.validation.severities
    )


def _find_splits(paths: list[str], format_name: str | None) -> dict[str, list[str]]:
    # A parallel corpus has files such as seq.in and seq.out: their names are features, and their folders are splits.
    by_folder = format_name is not None and find_row(format_name).by_folder
    return find_splits(*paths, by_folder=by_folder)


def _find_config_splits(config: Config) -> dict[str, list[str]]:
    """Returns the config's own files by split; those that are yet to be divided are under `all`."""
    splits = {}
    for name, pattern in config.data.name_patterns("all").items():
        found = find_splits(os.path.join(config.data.folder, pattern))
        # The config says of which split the files are, not their names.
        splits[name] = [path for files in found.values() for path in files]
    return splits


def _parse_feature(text: str) -> tuple[str, Feature]:
    """Parses `NAME=KIND` or `NAME=KIND,KEY=VALUE,...`."""
    name, equals, rest = text.partition("=")
    kind, *settings = rest.split(",")
    values = {}
    is_complete = bool(name and equals)
    for setting in settings:
        key, setting_equals, value = setting.partition("=")
        is_complete = is_complete and bool(key and setting_equals)
        values[key] = value
    if not is_complete:
        raise CommandError(f"--feature {text}: expected NAME=KIND, or NAME=KIND,KEY=VALUE,...")
    return name, build_setting(Feature, f"--feature {text}", kind=kind, **values)


def _parse_option(text: str) -> tuple[str, Any]:
    """Parses `KEY=VALUE`, with a value as TOML has it; what is not TOML is text, and with commas a list of texts."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise CommandError(f"--option {text}: expected KEY=VALUE")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.split(",") if "," in value.strip(",") else value


def _guess_format(paths: Iterable[str]) -> str:
    """Returns the one format that the names of files tell."""
    formats = {name for name in map(tell_format, paths) if name}
    if len(formats) > 1:
        raise CommandError(f"the files are of several formats ({', '.join(sorted(formats))}); name one with --format")
    return formats.pop() if formats else SEQUENCE_EXAMPLE


def _keep_files_of_format(splits: dict[str, list[str]], format_name: str) -> dict[str, list[str]]:
    """Drops files beside the data, such as a README: those without the format's suffix, if any file has it."""
    kept = {}
    for split, paths in splits.items():
        files = [path for path in paths if tell_format(path) == format_name]
        if files:
            kept[split] = files
    return kept or splits
