"""Files and folders on any Beam file system, as plain bytes: nothing is compressed or decompressed by name."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any, BinaryIO, cast

_BUFFER_BYTES = 1 << 20
"""Bytes that are read ahead: an object store takes as long to answer for a megabyte as for a kilobyte."""

_UNCOMPRESSED = "uncompressed"
"""`CompressionTypes.UNCOMPRESSED` of Beam, which is not imported for it."""


def join(folder: str, *parts: str) -> str:
    """Joins parts of a path by the separator of the folder's file system."""
    return str(_load_filesystems().join(folder, *parts))


def match(pattern: str) -> list[str]:
    """Finds the files that match a pattern. Returns them sorted."""
    (result,) = _load_filesystems().match([pattern])
    # Beam takes a local folder of that very name for a file.
    return sorted(str(metadata.path) for metadata in result.metadata_list if not os.path.isdir(metadata.path))


def open_file(path: str, buffer_bytes: int = _BUFFER_BYTES) -> BinaryIO:
    """Opens a file to read, buffered and seekable."""
    raw = _load_filesystems().open(path, compression_type=_UNCOMPRESSED)
    return cast(BinaryIO, io.BufferedReader(raw, buffer_bytes) if isinstance(raw, io.RawIOBase) else raw)


def create_file(path: str) -> BinaryIO:
    """Opens a file to write."""
    return cast(BinaryIO, _load_filesystems().create(path, compression_type=_UNCOMPRESSED))


def read_text(path: str) -> str:
    """Reads a whole file."""
    with open_file(path) as stream:
        return stream.read().decode()


def write_text(path: str, text: str) -> None:
    """Writes a whole file."""
    with create_file(path) as stream:
        stream.write(text.encode())


def rename(old: str, new: str) -> None:
    """Gives a file its final name; a file of that name is replaced."""
    _load_filesystems().rename([old], [new])


def make_folder(path: str) -> None:
    """Makes a folder and those above it."""
    if not _load_filesystems().exists(path):
        _load_filesystems().mkdirs(path)


def delete_folder(path: str) -> None:
    """Deletes a folder and all that is in it; a missing one is no error."""
    from apache_beam.io.filesystem import BeamIOError

    with contextlib.suppress(BeamIOError):
        _load_filesystems().delete([path])


def exists(path: str) -> bool:
    """Returns whether there is a file or a folder."""
    return bool(_load_filesystems().exists(path))


def _load_filesystems() -> Any:
    # Beam takes seconds to import, and settings are checked, and mistakes in them told, without it.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems
