"""Reads, writes and lists files on any Beam file system. Beam's compression by file name is turned off."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any, BinaryIO, cast

_BUFFER_BYTES = 1 << 20
"""The number of bytes that are read ahead. An object store takes as long to return a megabyte as a kilobyte."""

_UNCOMPRESSED = "uncompressed"
"""The value of Beam's `CompressionTypes.UNCOMPRESSED`, so that Beam need not be imported."""


def join(folder: str, *parts: str) -> str:
    """Joins the parts of a path with the separator of the folder's file system."""
    return str(_load_filesystems().join(folder, *parts))


def match(pattern: str) -> list[str]:
    """Returns the paths of the files that match a pattern, sorted."""
    (result,) = _load_filesystems().match([pattern])
    # A pattern may also match local folders, which Beam returns like files.
    return sorted(str(metadata.path) for metadata in result.metadata_list if not os.path.isdir(metadata.path))


def open_file(path: str, buffer_bytes: int = _BUFFER_BYTES) -> BinaryIO:
    """Opens a file for reading. The stream is buffered and seekable."""
    raw = _load_filesystems().open(path, compression_type=_UNCOMPRESSED)
    return cast(BinaryIO, io.BufferedReader(raw, buffer_bytes) if isinstance(raw, io.RawIOBase) else raw)


def create_file(path: str) -> BinaryIO:
    """Opens a new file for writing."""
    return cast(BinaryIO, _load_filesystems().create(path, compression_type=_UNCOMPRESSED))


def read_text(path: str) -> str:
    """Reads a file as UTF-8 text."""
    with open_file(path) as stream:
        return stream.read().decode()


def write_text(path: str, text: str) -> None:
    """Writes text to a file as UTF-8."""
    with create_file(path) as stream:
        stream.write(text.encode())


def rename(old: str, new: str) -> None:
    """Renames a file. A file that has the new name already is replaced."""
    _load_filesystems().rename([old], [new])


def make_folder(path: str) -> None:
    """Makes a folder and its parent folders if they do not exist."""
    if not _load_filesystems().exists(path):
        _load_filesystems().mkdirs(path)


def delete_folder(path: str) -> None:
    """Deletes a folder and its content. It is no error if the folder does not exist."""
    from apache_beam.io.filesystem import BeamIOError

    with contextlib.suppress(BeamIOError):
        _load_filesystems().delete([path])


def exists(path: str) -> bool:
    """Returns whether a file or folder exists."""
    return bool(_load_filesystems().exists(path))


def _load_filesystems() -> Any:
    # Importing Beam takes seconds. It is imported here so that errors in settings are reported without waiting for it.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems
