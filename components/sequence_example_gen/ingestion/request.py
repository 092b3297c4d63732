"""What an ingestion depends on, in one value that goes to the workers."""

from __future__ import annotations

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class InputFile(Frozen):
    """A file to read, and the split that its records go to if the input comes in splits."""

    path: str
    split: str | None = None


class Request(Frozen):
    """An ingestion.

    Attributes:
      spec: What a record is.
      read: How to read.
      split: How to divide the records, None if each file has its split.
      write: How to write.
      files: What to read, in order.
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
        """The folder for what is not finished, on the filesystem of the output."""
        return storage.join(self.output, "_staging")

    @property
    def by_rank(self) -> bool:
        """Whether records are divided over splits when all of them are known."""
        return self.split is not None and self.split.by_rank

    def shares(self, given: str | None) -> SplitConfig:
        """How records are divided that come in the split `given`, or in none."""
        return self.split or SplitConfig(shares={str(given): 1})
