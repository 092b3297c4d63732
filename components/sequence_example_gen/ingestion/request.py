"""The settings, files and folders of an ingestion, in one value that goes to the workers."""

from __future__ import annotations

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class InputFile(Frozen):
    """A file to read, and the split that its records go to if the input comes in splits."""

    path: str
    split: str | None = None


class IngestionRequest(Frozen):
    """An ingestion.

    Attributes:
      spec: The features of a record.
      read: How to read.
      split: How to divide the records, None if each file has its split.
      write: How to write.
      files: The files to read, in order.
      splits: Split name to the folder that it is written to, in order.
      output: The folder that holds those of the splits, the rejects and, while at work, the staging folder.
    """

    spec: SequenceSpec
    read: ReadConfig
    split: SplitConfig | None
    write: WriteConfig
    files: tuple[InputFile, ...]
    splits: dict[str, str]
    output: str

    @property
    def staging(self) -> str:
        """The folder for unfinished files, on the file system of the output."""
        return file_system.join(self.output, "_staging")

    @property
    def needs_all_records(self) -> bool:
        """Whether records are divided over splits when all of them are known."""
        return self.split is not None and self.split.needs_all_records

    def find_split_config(self, file_split: str | None) -> SplitConfig:
        """Returns how the records of a file are divided. A file that has a split gives it all its records."""
        return self.split or SplitConfig(shares={str(file_split): 1})
