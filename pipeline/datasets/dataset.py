"""Finds the files that a command should read, their format and their features, from arguments or from a config.

If neither gives the format, the names of the files determine it, or else their first bytes. If neither gives the
features, they are discovered in the data later.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files.first_bytes import (
    HEAD_BYTES,
    describe_content,
    find_binary_kind,
    is_text,
    recognize_format,
)
from tfx_sequence.components.sequence_example_gen.files.source import Source, find_files
from tfx_sequence.components.sequence_example_gen.readers.table import (
    SEQUENCE_EXAMPLE,
    find_format,
    find_row,
    note_shifts,
)
from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error

if TYPE_CHECKING:
    from tfx_sequence.pipeline.config.tables import Config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TRAIN = "train"
"""The name of the split that a schema is inferred from and that the other splits are compared with."""

_Model = TypeVar("_Model", bound=pydantic.BaseModel)
_Value = TypeVar("_Value")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set: its files, and how to read them.

    Attributes:
      splits: Split name to the paths of its files.
      read: The settings of the reader, which include the format.
      spec: The features of a record. None if they have to be discovered in the data.
      split: How the records of the only entry in `splits` are divided into splits. None if they are not divided.
      write: How records are written.
      severities: Rule to severity, for rules whose severity should not be `error`.
      open_features: Categorical features that may have values that train does not have.
    """

    splits: dict[str, list[str]]
    read: ReadConfig
    spec: SequenceSpec | None
    split: SplitConfig | None = None
    write: WriteConfig = dataclasses.field(default_factory=WriteConfig)
    severities: Mapping[str, str] = dataclasses.field(default_factory=dict)
    open_features: tuple[str, ...] = ()

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the splits that the records are in, or are divided into."""
        return tuple(self.split.shares if self.split else self.splits)

    @property
    def files(self) -> list[str]:
        """All files. Those of train come first, because features are discovered in the first records."""
        return [path for _, paths in sorted(self.splits.items(), key=make_split_sort_key) for path in paths]


def make_split_sort_key(item: tuple[str, Any]) -> tuple[bool, str]:
    """Returns a key for sorting (split name, value) pairs. Train comes first, and the others are sorted by name."""
    split, _ = item
    return split != TRAIN, split


def read_data_arguments(arguments: argparse.Namespace, paths: list[str], spec: SequenceSpec | None = None) -> Dataset:
    """Returns the data set that the arguments describe.

    Files are opened only if neither an argument nor their names say the format.

    Args:
      arguments: Parsed arguments, which include those of `add_data_arguments`.
      paths: Files, folders and patterns. If there are none, the files that the config names are used.
      spec: The features of a record. They are used only if neither `--feature` nor `--config` is given.

    Raises:
      CommandError: if arguments contradict each other, or name no data.
      ConfigError: if the config cannot be used.
      NoDataError: if no file matches a path.
    """
    features = _collect("--feature", map(_parse_feature, arguments.feature))
    options = _collect("--option", map(_parse_option, arguments.option))
    if arguments.config:
        if features or options or arguments.format or arguments.encoding:
            raise CommandError(
                "--config already gives the format, the features and the options; leave out either --config, or "
                "--format, --encoding, --feature and --option"
            )
        return _read_config_data(arguments.config, paths, arguments.span)
    if arguments.span is not None:
        raise CommandError("--span goes with --config, whose patterns have a place for a span")
    if not paths:
        raise CommandError("no data is named; give files or folders, or --config with a config that names them")
    splits = _find_splits(paths, arguments.format)
    format_name = arguments.format or _guess_format(path for files in splits.values() for path in files)
    if features:
        spec = build_setting(SequenceSpec, "--feature", {"features": features})
    return Dataset(
        splits=_keep_files_of_format(splits, format_name),
        read=_build_read_config(format_name, options, arguments.encoding),
        spec=spec and note_shifts(spec, format_name),
    )


def build_setting(model: type[_Model], argument: str, values: Mapping[str, Any]) -> _Model:
    """Builds an object of a settings class from values of the command line.

    Args:
      model: The settings class.
      argument: The name of the command-line argument, for the error message.
      values: Field name to value.

    Raises:
      CommandError: if a value is not allowed.
    """
    try:
        return model(**values)
    except pydantic.ValidationError as error:
        raise CommandError(f"{argument}: {describe_validation_error(error)}") from None


def _build_read_config(format_name: str, options: dict[str, Any], encoding: str | None) -> ReadConfig:
    """Builds the settings of the reader. No encoding means that of the default."""
    read = build_setting(ReadConfig, "--option", {"format": format_name, "options": options})
    if encoding is None:
        return read
    if find_row(format_name).is_binary:
        raise CommandError(f"--encoding {encoding}: files of the format {format_name!r} are not text")
    return build_setting(ReadConfig, "--encoding", {**read.model_dump(), "encoding": encoding})


def _read_config_data(config_path: str, paths: list[str], span: int | None) -> Dataset:
    """Returns the data set that a config describes. If there are `paths`, they replace the files of the config."""
    from tfx_sequence.pipeline.config.toml_file import load_config, read_config

    if paths:
        if span is not None:
            raise CommandError("--span chooses among the files of --config, but other files are named")
        # The input files of the config are not used and may be missing, so `load_config` would raise an error.
        config = read_config(config_path)
        splits = _keep_files_of_format(_find_splits(paths, config.data.format), config.data.format)
        split_config = None
    else:
        config = load_config(config_path, span)
        splits = _find_config_splits(config)
        split_config = config.data.split_config
    return Dataset(
        splits,
        config.data.read_config,
        config.spec,
        split_config,
        config.data.write,
        config.validation.severities,
        config.open_features,
    )


def _find_splits(paths: list[str], format_name: str | None) -> dict[str, list[str]]:
    # In a parallel corpus, the names of files, such as seq.in and seq.out, are features. The folders are the splits.
    by_folder = format_name is not None and find_row(format_name).by_folder
    return find_splits(*paths, by_folder=by_folder)


def _find_config_splits(config: Config) -> dict[str, list[str]]:
    """Returns split name to the files that the config names. Files that are yet to be divided have the name `all`."""
    from tfx_sequence.pipeline.config.spans import name_resolved_patterns

    splits = {}
    for name, pattern in name_resolved_patterns(config.data, "all").items():
        splits[name] = find_files(pattern, config.data.folder)
    return splits


def _parse_feature(text: str) -> tuple[str, Feature]:
    """Parses `NAME=KIND` or `NAME=KIND,KEY=VALUE,...`."""
    name, equals, rest = text.partition("=")
    kind, *settings = rest.split(",")
    pairs = [("kind", "=", kind), *(setting.partition("=") for setting in settings)]
    if not (name and equals and all(key and setting_equals for key, setting_equals, _ in pairs)):
        raise CommandError(f"--feature {text}: expected NAME=KIND, or NAME=KIND,KEY=VALUE,...")
    values = _collect(f"--feature {text}", ((key, value) for key, _, value in pairs))
    return name, build_setting(Feature, f"--feature {text}", values)


def _collect(argument: str, pairs: Iterable[tuple[str, _Value]]) -> dict[str, _Value]:
    """Returns the values by name. Raises a CommandError if a name is given twice, because one value would be lost."""
    values: dict[str, _Value] = {}
    for name, value in pairs:
        if name in values:
            raise CommandError(f"{argument}: {name!r} is given twice")
        values[name] = value
    return values


def _parse_option(text: str) -> tuple[str, Any]:
    """Parses `KEY=VALUE`. The value is TOML, or else a text, or else a list of texts that are separated by commas."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise CommandError(f"--option {text}: expected KEY=VALUE")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except RecursionError:
        raise CommandError(f"--option {key}: the value is nested too deeply") from None
    except ValueError:
        # A comma at the beginning or the end separates nothing: `delimiter=,` is a text.
        is_list = "," in value.strip(",")
        return key, value.split(",") if is_list else value


def _guess_format(paths: Iterable[str]) -> str:
    """Returns the format that the names of files determine, or else their first bytes."""
    paths = list(paths)
    formats = {format_name for format_name in map(find_format, paths) if format_name}
    if len(formats) > 1:
        raise CommandError(f"the files are of several formats ({', '.join(sorted(formats))}); name one with --format")
    return formats.pop() if formats else _recognize_format(paths)


def _recognize_format(paths: Iterable[str]) -> str:
    """Returns the format that the first bytes of a file determine, of the first file for which they do.

    It is `sequence_example` if no file is text, so that the reader of this format says what is wrong.

    Raises:
      CommandError: if there is text, which may be of several formats, or a file that is known not to be read.
    """
    problem = ""
    for path in paths:
        head = _read_first_bytes(path)
        if format_name := recognize_format(head):
            return format_name
        if not problem and (is_text(head) or find_binary_kind(head)):
            problem = (
                f"neither the name nor the first bytes of {path!r} say its format (it is {describe_content(head)})"
            )
    if problem:
        raise CommandError(f"{problem}; name the format with --format")
    return SEQUENCE_EXAMPLE


def _read_first_bytes(path: str) -> bytes:
    try:
        with Source(path).open() as stream:
            return stream.read(HEAD_BYTES)
    except DamagedFileError:
        return b""


def _keep_files_of_format(splits: dict[str, list[str]], format_name: str) -> dict[str, list[str]]:
    """Drops other files in the folder, such as a README.

    If some files have an extension of the format, all others are dropped. If no file has one, all files are kept.
    """
    splits_of_format = {}
    for split, paths in splits.items():
        files = [path for path in paths if find_format(path) == format_name]
        if files:
            splits_of_format[split] = files
    return splits_of_format or splits
