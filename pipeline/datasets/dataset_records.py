"""Converts a data set of any format to TFRecord files of SequenceExamples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.components.sequence_example_gen.discovery.discover import Discovery, discover
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.readers.reader import make_reader
from tfx_sequence.components.sequence_example_gen.readers.table import SEQUENCE_EXAMPLE
from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
from tfx_sequence.pipeline.datasets.dataset import Dataset
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas.spec import MAX_COUNT, SequenceSpec


def find_features(dataset: Dataset) -> Discovery:
    """Returns the features of a data set, and checks that the reader accepts them.

    If the data set has no spec, the features are discovered in the data.

    Raises:
      CommandError: if the options or the features do not fit the format.
      NotDiscoveredError: if the features cannot be discovered.
    """
    try:
        discovery = Discovery(dataset.spec, {}) if dataset.spec else discover(dataset.files, dataset.read)
        make_reader(dataset.read, discovery.spec)
    except ValueError as error:
        # Subclasses of ValueError, such as NotDiscoveredError, have messages for the command line and are not changed.
        if type(error) is not ValueError:
            raise
        raise CommandError(str(error)) from None
    return discovery


def reject_all_bad_records(read: ReadConfig) -> ReadConfig:
    """Returns settings with which neither bad records nor damaged files end the reading. All of them are counted."""
    settings = {"on_bad_record": "reject", "max_reject_fraction": 1.0, "max_damaged_files": MAX_COUNT}
    return read.model_copy(update=settings)


@dataclasses.dataclass(frozen=True)
class RecordFiles:
    """A data set as TFRecord files of SequenceExamples.

    Attributes:
      splits: Split name to the paths of its files.
      spec: The features of a record. None if a schema has to be inferred from the files to know them.
      counts: The numbers of records that were read and rejected. None if the files were not converted.
      left_out: The name of each feature of the original data that the files do not have, to the reason.
    """

    splits: Mapping[str, list[str]]
    spec: SequenceSpec | None = None
    counts: ReadCounts | None = None
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)


def convert_to_records(dataset: Dataset, folder: str) -> RecordFiles:
    """Converts a data set to TFRecord files. Bad records are left out and counted.

    If the data set already consists of TFRecord files, nothing is written.

    Args:
      dataset: The data set.
      folder: An empty folder for the files.
    """
    if dataset.read.format == SEQUENCE_EXAMPLE and not dataset.split:
        return RecordFiles(dataset.splits, dataset.spec)
    spec, left_out = find_features(dataset)
    counts = convert(
        dataset.files if dataset.split else dataset.splits,
        folder,
        spec=spec,
        read=reject_all_bad_records(dataset.read),
        split=dataset.split,
        # The files are read once and then deleted, so neither the order of records nor the size of files matters.
        write=WriteConfig(shuffle=False, compression_level=1),
    )
    return RecordFiles(find_splits(folder), spec, counts, left_out)
