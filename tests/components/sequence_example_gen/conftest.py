import apache_beam as beam
import pytest

from tfx_sequence.components.sequence_example_gen.config import WriteConfig
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.ingest import ingest
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest, InputFile
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord


@pytest.fixture
def make_source(tmp_path):
    """Makes a Source of bytes."""

    def make(data, **arguments):
        path = tmp_path / "data.txt"
        path.write_bytes(data)
        return Source(str(path), **arguments)

    return make


@pytest.fixture
def read(make_source):
    """What the records of a file become: `read(data, spec, config)`."""

    def read(data, spec, config):
        return list(FileReader(spec, config).read_records(make_source(data).path))

    return read


@pytest.fixture
def run(tmp_path):
    """Ingests files, given as name to bytes or as paths, into `tmp_path / output`: `run(files, spec, read, split)`."""

    def run(files, spec, read, split, write=None, output="out", make_pipeline=beam.Pipeline):
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        request = IngestionRequest(
            spec=spec,
            read=read,
            split=split,
            write=write or WriteConfig(),
            files=tuple(InputFile(path=str(folder / name)) for name in files),
            split_folders={name: str(tmp_path / output / f"Split-{name}") for name in split.shares},
            output=str(tmp_path / output),
        )
        return ingest(request, make_pipeline)

    return run


@pytest.fixture
def records(read):
    """The records of a file that has no bad one: `records(data, spec, config)`."""

    def records(data, spec, config):
        items = read(data, spec, config)
        assert all(isinstance(item, EncodedRecord) for item in items), items
        return [item.record for item in items]

    return records


@pytest.fixture
def real_data(shared_data):
    """The folder of data sets beside the project; tests that want it are skipped where it is not."""
    return shared_data
