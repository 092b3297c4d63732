"""What every reader promises of every file, whatever is in it; with a valid file of each format to begin from.

A file consists of units: lines, rows, objects. Each unit has tokens that no other unit has, so that a unit that is
neither in a record nor in a reject nor behind damage can be found after other units were changed.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import Encoder, decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec

NUM_UNITS = 8
"""The number of units of a file. Fuzzed files are small, so that thousands of them are read in seconds."""

MAX_LINE_BYTES = 2000
"""The limit of a line. It is longer than the lines of valid files, and shorter than some that are made of them."""

TROUBLE = [
    *(bytes([byte]) for byte in b'\0\t\n\r "\',:;=|#@-_.?[]{}\\/0aN'),
    b"\r\n", b"\n\n", b"\xff", b"\xc3", "\u2028".encode(), "\u0085".encode(), b"\xef\xbb\xbf", "é😀".encode(),
    b"\xed\xa0\x80", b"1e999", b"-inf", b"NaN", b"null", b"true", b"9" * 400, b"9" * 5000, b"[" * 200, b"x" * 3000,
    b'{"a":' * 200, b"-DOCSTART-", b"1-2\t", b"1.1\t", b"\xe2\x80\xae", b"\x1f\x8b", b"@data\n", b"\\ud800", b"\\udc80",
    b"\xff" * 8, b"\0" * 8, (1 << 36).to_bytes(8, "little"), b"PK\x03\x04", b"PAR1", b"\x28\xb5\x2f\xfd",
]  # fmt: skip


class Format(NamedTuple):
    """A format as it is read, and the parts of a valid file of it.

    Attributes:
      config: How it is read.
      spec: What is read.
      units: The units of the file. Only for formats where bytes of a unit can be changed without touching others.
      header: The bytes before the units.
      separator: The bytes between two units.
      end: The bytes after the units.
      wrap: A function that makes the file of all these bytes.
      tokens: The feature whose values are the tokens of a unit.
      copies: The maximum number of records that have a token.
    """

    config: ReadConfig
    spec: SequenceSpec
    units: tuple[bytes, ...]
    header: bytes = b""
    separator: bytes = b"\n"
    end: bytes = b"\n"
    wrap: Callable[[bytes], bytes] = bytes
    tokens: str = "words"
    copies: int = 1

    @property
    def valid(self) -> bytes:
        """The valid file."""
        return self.wrap(self.header + self.separator.join(self.units) + self.end)


def _config(name: str, **options: Any) -> ReadConfig:
    return ReadConfig(format=name, options=options, max_line_bytes=MAX_LINE_BYTES)


def _spec(**features: Feature) -> SequenceSpec:
    return SequenceSpec(features=features)


def _units(template: str) -> tuple[bytes, ...]:
    """Makes each unit of a template, where N stands for its number."""
    return tuple(template.replace("N", str(number)).encode() for number in range(NUM_UNITS))


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
_CONLLU = {
    "words": Feature(kind="token", source="FORM"),
    "tags": Feature(kind="categorical", role="label", source="UPOS"),
    "number": Feature(kind="categorical", source="FEATS:Number"),
    "id": Feature(kind="token", role="key", context=True, source="sent_id"),
}
_WORDS = {"words": Feature(kind="token", source="step")}
_RECORD = '{"words": ["uNa", "uNb"], "count": [1, -2], "point": [[0.5, 1], [2, 3e1]], "name": "x", "score": 1.5}'
_JSONL = Format(_config("jsonl"), _spec(**_MANY), _units(_RECORD))

_RECORDS = [
    {"words": [f"u{n}a", f"u{n}b"], "count": [n, -2], "point": [[0.5, 1], [2, 30]], "name": "x", "score": 1.5}
    for n in range(NUM_UNITS)
]


def _make_parquet(_: bytes) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_RECORDS), stream, row_group_size=3)
    return stream.getvalue()


def _make_parquet_rows(_: bytes) -> bytes:
    rows = [
        {"u": f"u{n}", "t": step, "w": f"u{n}{'ab'[step]}", "p": 0.5, "q": 1.5}
        for n in range(NUM_UNITS)
        for step in range(2)
    ]
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream, row_group_size=3)
    return stream.getvalue()


def _make_archive(_: bytes) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        lengths=np.full(NUM_UNITS, 2),
        words=np.array([word for record in _RECORDS for word in record["words"]]),
        count=np.arange(2 * NUM_UNITS),
        point=np.zeros((2 * NUM_UNITS, 2)),
        name=np.array(["x"] * NUM_UNITS),
        score=np.ones(NUM_UNITS),
    )
    return stream.getvalue()


FORMATS: dict[str, Format] = {
    "columns": Format(
        _config("columns"),
        _spec(**_TAGGED),
        _units("uNa NNP B-ORG\nuNb VBZ O\n"),
        header=b"-DOCSTART- O\n\n",
    ),
    "conllu": Format(
        _config("conllu"),
        _spec(**_CONLLU),
        _units(
            "# sent_id = N\n# text = a b\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n"
            "1\tuNa\ta\tX\t_\tNumber=Sing\t0\troot\t_\tSpaceAfter=No\n2\tuNb\tb\tY\t_\tNumber=Plur|X=Y\t1\tdep\t_\t_\n"
            "2.1\td\td\tX\t_\t_\t_\t_\t0:x\t_\n"
        ),
    ),
    "csv": Format(
        _config("csv", group_by="u", order_by="t", vectors={"point": ["p", "q"]}),
        _spec(**_ROWS),
        _units('uN,1,uNa,1.5,2\nuN,2,uNb,-1,3e4\nuN,3,"x, ""y""\nz",0,0'),
        header=b"u,t,w,p,q\n",
    ),
    "csv, no quotes": Format(
        _config("csv", group_by="u", order_by="t"),
        _spec(words=Feature(kind="token", source="w"), at=Feature(kind="integer", role="time", source="t")),
        _units("uN,1,uNa\nuN,2,uNb"),
        header=b"u,t,w\n",
    ),
    "json": Format(_config("json"), _spec(**_MANY), _units(_RECORD), header=b"[", separator=b",\n", end=b"]\n"),
    "jsonl": _JSONL,
    "jsonl, bzip2": _JSONL._replace(wrap=bz2.compress),
    "jsonl, gzip": _JSONL._replace(wrap=functools.partial(gzip.compress, mtime=0)),
    "jsonl, xz": _JSONL._replace(wrap=functools.partial(lzma.compress, preset=0)),
    "jsonl, zstd": _JSONL._replace(wrap=zstandard.ZstdCompressor(write_checksum=True).compress),
    "jsonl, lists of objects": Format(
        _config("jsonl"),
        _spec(
            words=Feature(kind="token", source="events.page"),
            time=Feature(kind="float", missing=True, source="events.ms"),
        ),
        _units('{"events": [{"page": "uNa", "ms": 5}, {"page": "uNb", "ms": null}]}'),
    ),
    "npz": Format(_config("npz"), _spec(**_MANY), (), wrap=_make_archive),
    "parallel": Format(
        _config("parallel"),
        _spec(
            words=Feature(kind="token", source="fuzzed.txt"),
            other=Feature(kind="token", context=True, source="valid.txt"),
        ),
        _units("uNa ein kurzer Satz uNb"),
    ),
    "parquet": Format(_config("parquet"), _spec(**_MANY), (), wrap=_make_parquet),
    "parquet, rows": Format(
        _config("parquet", group_by="u", order_by="t", vectors={"point": ["p", "q"]}),
        _spec(**_ROWS),
        (),
        wrap=_make_parquet_rows,
    ),
    "sequence_example": Format(
        _config("sequence_example"),
        _spec(**_MANY),
        tuple(frame(Encoder(_spec(**_MANY)).encode(record)) for record in _RECORDS),
        separator=b"",
        end=b"",
    ),
    "text": Format(_config("text"), _spec(**_WORDS), _units("uNa b é uNb")),
    "text, windows": Format(
        _config("text", window=3, stride=2),
        _spec(**_WORDS, next=Feature(kind="categorical", role="label", source="next", shift="next")),
        _units("uNa uNb uNc"),
        copies=2,
    ),
    "ts": Format(
        _config("ts"),
        _spec(
            x=Feature(kind="vector", width=2, source="values"),
            y=Feature(kind="categorical", role="label", context=True, source="label"),
        ),
        _units("10N,20N:3,4:a"),
        header=b"#c\n@problemName X\n@timeStamps false\n@dimensions 2\n@classLabel true a b\n@data\n",
        tokens="x",
    ),
}


@functools.cache
def _make_valid(name: str) -> bytes:
    return FORMATS[name].valid


_FOLDER = tempfile.TemporaryDirectory()


class Fuzzed(NamedTuple):
    """A file that is not valid.

    Attributes:
      data: The bytes of the file.
      touched: The first and the last unit that were changed. None if it is not known which units were.
    """

    data: bytes
    touched: tuple[int, int] | None


def fuzz(name: str, seed: int) -> Fuzzed:
    """Changes a valid file at a few places: within one or two units of it, or anywhere."""
    format_ = FORMATS[name]
    draw = random.Random(f"{name} {seed}")
    if not format_.units or draw.random() < (0.4 if format_.wrap is bytes else 0.8):
        data = _make_valid(name)
        if draw.random() < 0.2:
            return Fuzzed(data[: draw.randrange(len(data))], None)
        return Fuzzed(_edit(data, draw), None)
    units = list(format_.units)
    first = draw.randrange(len(units))
    last = min(first + draw.randrange(2), len(units) - 1)
    for number in range(first, last + 1):
        units[number] = _edit(units[number], draw)
    return Fuzzed(format_._replace(units=tuple(units)).valid, (first, last))


def _edit(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 4)):
        start = draw.randint(0, len(data))
        end = min(len(data), start + draw.choice((0, 0, 1, 2, 8)))
        new = draw.choice([draw.choice(TROUBLE), draw.randbytes(draw.randint(1, 4)), b"", data[start:end] * 2])
        data = data[:start] + new + data[end:]
    return data


@functools.cache
def _reader(name: str) -> FileReader:
    Path(_FOLDER.name, "valid.txt").write_text("".join(f"other {number}\n" for number in range(NUM_UNITS)))
    return FileReader(FORMATS[name].spec, FORMATS[name].config)


def check_promises(name: str, data: bytes) -> list[Any]:
    """Reads `data` as a file of a format: it ends, and gives sound records and rejects with a reason and a place.

    Returns:
      What became of the file: `EncodedRecord`, `Reject`, and `DamagedFile` after all others.
    """
    path = f"{_FOLDER.name}/fuzzed.txt"
    Path(path).write_bytes(data)
    reader = _reader(name)
    items = list(reader.read_records(path) if reader.grouping is None else reader.read_rows(path, 0))
    assert items, "an empty file is a reject as well"
    # Each record, row or reject of text takes at least a byte of the file, save for what is said of the whole file.
    assert FORMATS[name].wrap is not bytes or len(items) <= len(data) + 1 + NUM_UNITS
    damaged_files = [item for item in items if isinstance(item, DamagedFile)]
    assert damaged_files in ([], items[-1:]), "nothing is read after damage, and a file is damaged once"
    for damaged_file in damaged_files:
        assert Path(damaged_file.file).parent == Path(path).parent
        assert damaged_file.message
        assert damaged_file.num_records == len(items) - 1
        str(damaged_file).encode()
    results = items if reader.grouping is None else list(_group(reader, path, items))
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


def find_lost_units(name: str, results: list[Any], touched: tuple[int, int] | None) -> list[int]:
    """Finds the units that are in no record although nothing tells why, or in more records than one.

    Args:
      name: The name of the format.
      results: What `check_promises` returned.
      touched: The units that were changed, which may be lost, as `Fuzzed.touched`.
    """
    format_ = FORMATS[name]
    records = [decode(format_.spec, result.pieces[0]) for result in results if isinstance(result, EncodedRecord)]
    counts = Counter(str(token) for record in records for token in np.asarray(record[format_.tokens]).ravel().tolist())
    num_rejects = sum(isinstance(result, Reject) for result in results)
    is_damaged = isinstance(results[-1], DamagedFile)
    if touched is None:
        return []
    lost = []
    told = []
    for number in set(range(NUM_UNITS)) - set(range(touched[0], touched[1] + 1)):
        copies = [counts[token] for token in _tokens_of_unit(name, number)]
        is_complete = all(0 < count <= format_.copies for count in copies)
        is_missing = max(copies) <= format_.copies
        # Units before the first change are never lost. Others may be part of a reject, or stand behind damage.
        is_told = is_missing and (num_rejects or is_damaged) and number >= touched[0] - 1
        if not is_complete:
            (told if is_told else lost).append(number)
    # Changed units may have merged with those beside them. Each other reject tells of one unit.
    return lost if is_damaged or len(told) <= 2 + num_rejects else [*lost, *told]


def _tokens_of_unit(name: str, number: int) -> list[str]:
    if name == "ts":
        return [f"10{number}.0", f"20{number}.0"]
    return [f"u{number}a", f"u{number}b"]


def _group(reader: FileReader, path: str, items: list[Any]) -> Iterator[Any]:
    """Yields what became of each group of rows in long form, and all items that are no rows."""
    assert reader.grouping is not None
    groups: dict[bytes, list[FileRow]] = {}
    for item in items:
        if isinstance(item, FileRow):
            # Rows go through a file.
            row = FileRow.from_bytes(item.to_bytes())
            groups.setdefault(reader.grouping.compute_key(row.cells), []).append(row)
        else:
            yield item
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
