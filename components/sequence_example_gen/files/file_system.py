"""Reads, writes and lists files on any Beam file system. Beam's compression by file name is turned off."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar, cast

_T = TypeVar("_T")

_BUFFER_BYTES = 1 << 20
"""The number of bytes that are read ahead. An object store takes as long to return a megabyte as a kilobyte."""

_UNCOMPRESSED = "uncompressed"
"""The value of Beam's `CompressionTypes.UNCOMPRESSED`, so that Beam need not be imported."""


class FileAccessError(RuntimeError):
    """A file cannot be opened or read for a reason other than its content, such as a permission or a network.

    It is no `OSError`, because libraries take every `OSError` for a sign that the content of a file is damaged.
    """


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


def open_input(path: str) -> io.BufferedReader:
    """Opens a file for reading, as `open_file` does, so that errors of the file system differ from damaged content.

    Raises:
      FileAccessError: if the file cannot be opened. Reading from the stream raises it too.
    """
    try:
        stream = open_file(path)
    except Exception as error:
        raise _make_access_error(path, error) from error
    return io.BufferedReader(_InputStream(path, stream), _BUFFER_BYTES)


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


def delete_file(path: str) -> None:
    """Deletes a file. It is no error if the file does not exist."""
    if is_local(path):
        # Beam would also delete all files that match the path as a pattern.
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
    elif exists(path):
        _load_filesystems().delete([path])


def delete_folder(path: str) -> None:
    """Deletes a folder and its content. It is no error if the folder does not exist."""
    if is_local(path):
        shutil.rmtree(path, ignore_errors=True)
    elif files := list_files(path):
        # An object store has no folders, only files whose names begin with that of the folder.
        _load_filesystems().delete(files)


def delete_empty_folder(path: str) -> None:
    """Deletes a local folder if it is empty. An object store has no empty folders."""
    if is_local(path):
        with contextlib.suppress(OSError):
            os.rmdir(path)


def list_files(folder: str) -> list[str]:
    """Returns the paths of all files in a folder and in the folders within it, sorted."""
    if is_local(folder):
        paths = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
        return sorted(paths)
    return match(join(folder, "**"))


def is_local(path: str) -> bool:
    """Returns whether a path is one of the local file system, not a URL such as `gs://bucket/folder`."""
    return "://" not in path


def exists(path: str) -> bool:
    """Returns whether a file or folder exists."""
    return bool(_load_filesystems().exists(path))


class _InputStream(io.RawIOBase):
    """A stream of a file that raises every error of the file system as `FileAccessError`."""

    def __init__(self, path: str, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._call(self._stream.seek, offset, whence)

    def tell(self) -> int:
        return self._call(self._stream.tell)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._call(self._stream.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def _call(self, method: Callable[..., _T], *arguments: int) -> _T:
        try:
            return method(*arguments)
        except Exception as error:
            # A position that no file has, such as a negative one, is asked for by the reader of damaged content.
            if isinstance(error, ValueError) or getattr(error, "errno", None) == errno.EINVAL:
                raise
            raise _make_access_error(self._path, error) from error


def _make_access_error(path: str, error: Exception) -> FileAccessError:
    return FileAccessError(f"{path} cannot be read: {error}")


def _load_filesystems() -> Any:
    # Importing Beam takes seconds. It is imported here so that errors in settings are reported without waiting for it.
    from apache_beam.io.filesystems import FileSystems

    return FileSystems
