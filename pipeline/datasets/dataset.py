"""The data that a command looks at: which files, of which format, and what a record is.

All commands take it alike. A format that the files' names tell, and features that the data tells, need not be given.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

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


@dataclasses.dataclass(frozen=True)
class Data:
    """Files, and how to read them.

    Attributes:
      splits: Split name to files.
      read: The format, and how it is read.
      spec: What a record is; None if nobody has said it.
      split: How the records of the one split that there is are divided; not at all if None.
      write: How records are written.
      severities: Rule to severity, where it is not an error.
    """

    splits: dict[str, list[str]]
    read: ReadConfig
    spec: SequenceSpec | None
    split: SplitConfig | None = None
    write: WriteConfig = dataclasses.field(default_factory=WriteConfig)
    severities: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """All files, those of train first, for they are to say what the data is."""
        return [path for _, paths in sorted(self.splits.items(), key=train_first) for path in paths]


def train_first(named: tuple[str, Any]) -> tuple[bool, str]:
    """The key that splits, as pairs of name and anything, are sorted by: train, and then by name."""
    return named[0] != TRAIN, named[0]


def read_data_arguments(arguments: argparse.Namespace, paths: list[str], spec: SequenceSpec | None = None) -> Data:
    """What the arguments say, as far as can be known without opening the data.

    Args:
      arguments: Those of `data_arguments`.
      paths: Files, folders and patterns; if none, what the config names.
      spec: What a record is, if the arguments do not say it.

    Raises:
      CommandError: if they contradict each other, or there is nothing to read.
      ConfigError: if there is a config that cannot be used.
      NoDataError: if there is no file.
    """
    features = dict(map(_feature, arguments.feature))
    options = dict(map(_option, arguments.option))
    if arguments.config:
        if features or options or arguments.format:
            raise CommandError(
                "--config says what --format, --feature and --option would say; give the one or the others"
            )
        return _of_config(arguments.config, paths)
    if not paths:
        raise CommandError("no data is named; give files or folders, or --config with a config that names them")
    by_folder = bool(arguments.format) and find_row(arguments.format).by_folder
    splits = find_splits(*paths, by_folder=by_folder)
    name = arguments.format or _format(path for files in splits.values() for path in files)
    given = made(SequenceSpec, "--feature", features=features) if features else spec
    return Data(
        splits=_of_format(splits, name),
        read=made(ReadConfig, "--option", format=name, options=options),
        spec=given,
    )


def _of_config(path: str, paths: list[str]) -> Data:
    from tfx_sequence.pipeline.config.own_code import make_importable
    from tfx_sequence.pipeline.config.toml_file import load_config, read_config

    # The config is checked as a whole, and may name metrics of the project's own.
    make_importable(os.path.dirname(os.path.abspath(path)))
    config = read_config(path) if paths else load_config(path)
    read = ReadConfig(**{name: getattr(config.data, name) for name in ReadConfig.model_fields})
    if paths:
        files, split = _of_format(find_splits(*paths, by_folder=find_row(read.format).by_folder), read.format), None
    else:
        files, split = _files(config)
    return Data(files, read, config.spec, split, config.data.write, config.validation.severities)


def _files(config: Config) -> tuple[dict[str, list[str]], SplitConfig | None]:
    """The config's own files by split, and how they are divided if they are not."""
    patterns = config.data.files
    by_split = {"all": patterns} if isinstance(patterns, str) else patterns
    found = {name: find_splits(os.path.join(config.data.folder, pattern)) for name, pattern in by_split.items()}
    files = {name: [path for paths in splits.values() for path in paths] for name, splits in found.items()}
    return files, config.data.split if isinstance(patterns, str) else None


def _feature(text: str) -> tuple[str, Feature]:
    name, equals, rest = text.partition("=")
    kind, *settings = rest.split(",")
    pairs = [setting.partition("=") for setting in settings]
    if not (name and equals) or not all(key and middle for key, middle, _ in pairs):
        raise CommandError(f"--feature {text}: expected NAME=KIND, or NAME=KIND,KEY=VALUE,...")
    return name, made(Feature, f"--feature {text}", kind=kind, **{key: value for key, _, value in pairs})


def _option(text: str) -> tuple[str, Any]:
    """A key, and a value as TOML has it; what is no TOML is text, and with commas a list of texts."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise CommandError(f"--option {text}: expected KEY=VALUE")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.split(",") if "," in value.strip(",") else value


def made(model: Any, what: str, **values: Any) -> Any:
    """A value of a model; what is wrong is said of the argument `what`."""
    try:
        return model(**values)
    except pydantic.ValidationError as error:
        raise CommandError(f"{what}: {describe_validation_error(error)}") from None


def _format(paths: Iterable[str]) -> str:
    """The one format that names of files tell."""
    formats = {format_ for format_ in map(tell_format, paths) if format_}
    if len(formats) > 1:
        raise CommandError(f"the files are of several formats ({', '.join(sorted(formats))}); name one with --format")
    return formats.pop() if formats else SEQUENCE_EXAMPLE


def _of_format(splits: dict[str, list[str]], name: str) -> dict[str, list[str]]:
    """The files whose names are those of the format, if any are; what else lies beside them is not data."""
    kept = {split: [path for path in paths if tell_format(path) == name] for split, paths in splits.items()}
    return {split: paths for split, paths in kept.items() if paths} if any(kept.values()) else splits
