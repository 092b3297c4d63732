"""What every text reader promises of every file, whatever is in it; with a valid file of each format to begin from."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec


class Format(NamedTuple):
    """A format as it is read, and a file of it."""

    config: ReadConfig
    spec: SequenceSpec
    valid: bytes


def _spec(**features: Feature) -> SequenceSpec:
    return SequenceSpec(features=features)


_TAGGED = {"words": Feature(kind="token", source="0"), "tags": Feature(kind="categorical", role="label", source="-1")}
_ROWS = {
    "words": Feature(kind="token", source="w"),
    "at": Feature(kind="integer", role="time", source="t"),
    "user": Feature(kind="token", role="key", context=True, source="u"),
    "point": Feature(kind="vector", width=2),
}
_MANY = {
    "words": Feature(kind="token"),
    "count": Feature(kind="integer"),
    "point": Feature(kind="vector", width=2),
    "name": Feature(kind="token", role="key", context=True),
    "score": Feature(kind="float", context=True),
}
_RECORD = '{"words": ["a", "b"], "count": [1, -2], "point": [[0.5, 1], [2, 3e1]], "name": "x", "score": 1.5}'
_CONLLU = {
    "words": Feature(kind="token", source="FORM"),
    "tags": Feature(kind="categorical", role="label", source="UPOS"),
    "number": Feature(kind="categorical", source="FEATS:Number"),
    "id": Feature(kind="token", role="key", context=True, source="sent_id"),
}

FORMATS: dict[str, Format] = {
    "columns": Format(
        ReadConfig(format="columns"),
        _spec(**_TAGGED),
        b"-DOCSTART- O\n\nEU NNP B-ORG\nrejects VBZ O\n\nPeter NNP B-PER\n",
    ),
    "conllu": Format(
        ReadConfig(format="conllu"),
        _spec(**_CONLLU),
        b"# sent_id = s1\n# text = a b\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n"
        b"1\ta\ta\tNOUN\t_\tNumber=Sing\t0\troot\t_\tSpaceAfter=No\n2\tb\tb\tVERB\t_\tNumber=Plur|X=Y\t1\tdep\t_\t_\n\n"
        b"# sent_id = s2\n1\tc\tc\tX\t_\tNumber=Sing\t0\troot\t_\t_\n1.1\td\td\tX\t_\t_\t_\t_\t0:x\t_\n\n",
    ),
    "csv": Format(
        ReadConfig(format="csv", options={"group_by": "u", "order_by": "t", "vectors": {"point": ["p", "q"]}}),
        _spec(**_ROWS),
        b'u,t,w,p,q\na,1,"x, ""y""",1.5,2\na,2,z,-1,3e4\nb,1,"line\nbreak",0,0\n',
    ),
    "json": Format(ReadConfig(format="json"), _spec(**_MANY), f"[{_RECORD},\n {_RECORD}]".encode()),
    "jsonl": Format(ReadConfig(format="jsonl"), _spec(**_MANY), f"{_RECORD}\n\n{_RECORD}\r\n{_RECORD}".encode()),
    "parallel": Format(
        ReadConfig(format="parallel"),
        _spec(words=Feature(kind="token", source="fuzzed.txt")),
        "ein kurzer Satz\nnoch éiner  \n".encode(),
    ),
    "text": Format(
        ReadConfig(format="text"), _spec(words=Feature(kind="token", source="step")), "a b c\nd é\n\n e\n".encode()
    ),
    "text, windows": Format(
        ReadConfig(format="text", options={"steps": "character", "window": 5, "stride": 2}),
        _spec(
            words=Feature(kind="token", source="step"),
            next=Feature(kind="categorical", role="label", source="next", shift="next"),
        ),
        "To be, or not to be\r\nthat ís".encode(),
    ),
    "ts": Format(
        ReadConfig(format="ts"),
        _spec(
            x=Feature(kind="vector", width=2, source="values"),
            y=Feature(kind="categorical", role="label", context=True, source="label"),
        ),
        b"#c\n@problemName X\n@timeStamps false\n@dimensions 2\n@classLabel true a b\n@data\n1,2:3,4:a\n1.5:-2e3:b\n",
    ),
}


_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def _reader(name: str) -> FileReader:
    return FileReader(FORMATS[name].spec, FORMATS[name].config)


def check_promises(name: str, data: bytes) -> list[Any]:
    """Reads `data` as a file of a format: it ends, and gives sound records and rejects with a reason and a place."""
    path = f"{_FOLDER.name}/fuzzed.txt"
    Path(path).write_bytes(data)
    results = list(_read(_reader(name), path))
    assert results, "an empty file is a reject as well"
    # Each record, row or reject takes at least a byte of the file, save for what is said of the file as a whole.
    assert len(results) <= len(data) + 1
    for result in results:
        if isinstance(result, Reject):
            assert isinstance(result.reason, Reason)
            assert result.message
            assert result.file == path
            str(result).encode()
        elif isinstance(result, EncodedRecord):
            for piece in result.pieces:
                _check_record(FORMATS[name].spec, decode(FORMATS[name].spec, piece))
    return results


def _read(reader: FileReader, path: str) -> Iterator[Any]:
    """What became of each record; in long form, of each row and each group."""
    if reader.grouping is None:
        yield from reader.read_records(path)
        return
    groups: dict[bytes, list[FileRow]] = {}
    for row in reader.read_rows(path, 0):
        if isinstance(row, Reject):
            yield row
        else:
            groups.setdefault(reader.grouping.compute_key(row.cells), []).append(row)
    for position, rows in enumerate(groups.values()):
        try:
            yield reader.record_encoder.encode(reader.grouping.make_record(rows), path, position)
        except BadRecordError as error:
            yield error.reject.at(file=path)


def _check_record(spec: SequenceSpec, record: dict[str, Any]) -> None:
    assert set(record) == set(spec.features)
    lengths = {len(record[name]) for name in spec.sequence}
    assert len(lengths) == 1
    assert min(lengths) >= spec.min_length
