"""Files and folders on any Beam filesystem, as plain bytes: nothing is compressed or decompressed by name."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any, BinaryIO, cast

_BUFFER = 1 << 20
_AS_IT_IS = "uncompressed"
"""`CompressionTypes.UNCOMPRESSED` of Beam's."""


def join(folder: str, *parts: str) -> str:
    """A path, with the separator that the folder's filesystem has."""
    return str(_filesystems().join(folder, *parts))


def match(pattern: str) -> list[str]:
    """The files that match a pattern, sorted."""
    (result,) = _filesystems().match([pattern])
    # Beam takes a local folder of that very name for a file.
    return sorted(str(metadata.path) for metadata in result.metadata_list if not os.path.isdir(metadata.path))


def open_file(path: str, buffer: int = _BUFFER) -> BinaryIO:
    """A file to read, buffered and seekable."""
    raw = _filesystems().open(path, compression_type=_AS_IT_IS)
    return cast(BinaryIO, io.BufferedReader(raw, buffer) if isinstance(raw, io.RawIOBase) else raw)


def create_file(path: str) -> BinaryIO:
    """A file to write."""
    return cast(BinaryIO, _filesystems().create(path, compression_type=_AS_IT_IS))


def read_text(path: str) -> str:
    """A whole file."""
    with open_file(path) as stream:
        return stream.read().decode()


def write_text(path: str, text: str) -> None:
    """Writes a whole file."""
    with create_file(path) as stream:
        stream.write(text.encode())


def rename(old: str, new: str) -> None:
    """Gives a file its final name; a file of that name is replaced."""
    _filesystems().rename([old], [new])


def make_folder(path: str) -> None:
    """Makes a folder and those above it."""
    if not _filesystems().exists(path):
        _filesystems().mkdirs(path)


def delete_folder(path: str) -> None:
    """Deletes a folder and all that is in it; a missing one is no error."""
    from apache_beam.io.filesystem import BeamIOError

    with contextlib.suppress(BeamIOError):
        _filesystems().delete([path])


def exists(path: str) -> bool:
    """Whether there is a file or a folder."""
    return bool(_filesystems().exists(path))


def _filesystems() -> Any:
    # Beam takes seconds to import, and settings are checked, and mistakes in them told, without it.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems
