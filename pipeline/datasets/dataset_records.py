"""The data of a command as TFRecord files of SequenceExamples, and what is known of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_sequence.components.sequence_example_gen.config import WriteConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.components.sequence_example_gen.discovery.discover import Discovery, discover
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.readers.reader import make_reader
from tfx_sequence.components.sequence_example_gen.readers.table import SEQUENCE_EXAMPLE
from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
from tfx_sequence.pipeline.datasets.dataset import Data
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.spec import SequenceSpec


def describe_records(data: Data) -> Discovery:
    """What a record is: what somebody has said, or what the data says; and that its reader takes it so.

    Raises:
      CommandError: if the options or the features are not those of the format.
      NotDiscoveredError: if the data does not say what a record is.
    """
    try:
        found = discover(data.files, data.read) if data.spec is None else Discovery(data.spec, {})
        make_reader(data.read, found.spec)
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise CommandError(str(error)) from None
    return found


@dataclasses.dataclass(frozen=True)
class Records:
    """TFRecord files.

    Attributes:
      splits: Split name to files.
      spec: What a record is; None if it is for the files to say.
      tally: What became of the records of other files that they were made from; None if they are the data itself.
      left_out: Name of a feature that the data has but the files have not, to the reason.
    """

    splits: Mapping[str, list[str]]
    spec: SequenceSpec | None = None
    tally: ReadCounts | None = None
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)


def as_records(data: Data, folder: str) -> Records:
    """The data as TFRecord files, which are written if it is of another format; bad records are left out and counted.

    Args:
      data: The data.
      folder: An empty folder to write to.
    """
    if data.read.format == SEQUENCE_EXAMPLE and not data.split:
        return Records(data.splits, data.spec)
    spec, left_out = describe_records(data)
    read = data.read.model_copy(update={"on_bad_record": "reject", "max_reject_fraction": 1.0})
    tally = convert(
        next(iter(data.splits.values())) if data.split else data.splits,
        folder,
        spec=spec,
        read=read,
        split=data.split,
        # For a moment only: the order does not matter, nor does the size.
        write=WriteConfig(shuffle=False, compression_level=1),
    )
    return Records(find_splits(folder), spec, tally, left_out)
