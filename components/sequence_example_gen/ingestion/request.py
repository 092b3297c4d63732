"""Defines the request of an ingestion: its settings, files and folders in one value that is sent to the workers."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class InputFile(Frozen):
    """A file to read.

    Attributes:
      path: The path of the file.
      split: The split of its records if the data is already split. None if the records are divided over splits.
    """

    path: str
    split: str | None = None


class SharedFileError(ValueError):
    """A file is in two splits, so that a model would be evaluated on what it was trained on."""


def refuse_shared_files(files: Iterable[InputFile]) -> None:
    """Checks that no file is in two splits. A local file may have several paths, such as symbolic links.

    Raises:
      SharedFileError: if a file is in two splits.
    """
    first_by_path: dict[str, InputFile] = {}
    for file in files:
        path = file.path if "://" in file.path else os.path.realpath(file.path)
        first = first_by_path.setdefault(path, file)
        if first.split != file.split:
            other_name = "" if first.path == file.path else f" as {first.path!r}"
            raise SharedFileError(
                f"the file {file.path!r} is in the split {file.split!r}, and{other_name} in the split {first.split!r}; "
                "a file can be in one split only, so change one of the patterns"
            )


def name_staging_folder(output: str) -> str:
    """Returns the path of the folder for temporary files in an output folder."""
    return file_system.join(output, "_staging")


class IngestionRequest(Frozen):
    """The settings, files and folders of an ingestion.

    Attributes:
      spec: The features of a record.
      read: The settings for reading.
      split: The settings that divide the records over splits, or None if each file has a split.
      write: The settings for writing.
      files: The files to read, in order.
      split_folders: The folder of each split by split name, in the order of the splits.
      output: The folder that contains the folders of the splits and of the rejects. During the ingestion, it also
        contains the staging folder.
    """

    spec: SequenceSpec
    read: ReadConfig
    split: SplitConfig | None
    write: WriteConfig
    files: tuple[InputFile, ...]
    split_folders: dict[str, str]
    output: str

    @property
    def staging(self) -> str:
        """The folder for temporary files. It is in the output folder, so that files can be renamed into a split."""
        return name_staging_folder(self.output)

    @property
    def needs_all_records(self) -> bool:
        """Whether all records must be read before they can be divided over splits."""
        return self.split is not None and self.split.needs_all_records

    def choose_split_config(self, file_split: str | None) -> SplitConfig:
        """Returns the settings that divide the records of a file. If the file has a split, all its records go there."""
        return self.split or SplitConfig(shares={str(file_split): 1})
