"""Finds the files that a pattern matches, in the same way wherever a pattern is given.

A pattern is relative to a folder, whose own name is never a pattern. It consists of parts between slashes:

    data.csv      A part that is the name of a file or folder stands for it alone, even if it has `*`, `?` or `[` in it.
    *.csv         `*` stands for any characters, `?` for one, `[ab]` for one of those, `[!ab]` for any other.
    **/*.csv      `**` stands for any number of folders, also for none. As the last part, it stands for all files below.

Names that begin with a dot are hidden: only a part that begins with a dot matches them. A symbolic link is a file or
folder of its own name. `**` does not enter folders that are links, so no file is found twice by a circle of links. Case
counts.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PATTERN_CHARACTERS = frozenset("*?[")
"""The characters that stand for others in a pattern."""

_ANY_FOLDERS = "**"
_NANOSECONDS = 1_000_000_000


class MatchedFile(NamedTuple):
    """A file that a pattern matches.

    Attributes:
      path: The path of the file. It begins with the folder that the pattern is relative to.
      num_bytes: The size of the file.
      modified_ns: The time of its last change, in nanoseconds since 1970.
    """

    path: str
    num_bytes: int
    modified_ns: int


def match_files(folder: str, pattern: str) -> list[MatchedFile]:
    """Finds the files that a pattern matches, sorted by path.

    Args:
      folder: The folder that the pattern is relative to. If empty, the pattern is the path of a file, or a pattern of
        paths.
      pattern: The pattern. An absolute one does not depend on the folder.

    Returns:
      The files. Folders are no files.

    Raises:
      FileNotFoundError: if a symbolic link that the pattern matches leads to no file.
      OSError: if a remote folder cannot be listed.
    """
    if "://" in pattern or "://" in folder:
        return _match_remote(folder, pattern)
    if os.path.isabs(pattern):
        folder = os.sep
    # A path may be found in two ways if there are several parts `**`.
    paths = sorted(set(_match_local(folder, _split_pattern(pattern))))
    return [_describe_local(path) for path in paths]


def _split_pattern(pattern: str) -> list[str]:
    parts = [part for part in pattern.split("/") if part]
    return [*parts, "*"] if parts and parts[-1] == _ANY_FOLDERS else parts


def _match_local(folder: str, parts: Sequence[str]) -> Iterator[str]:
    """Yields the paths of the files below a folder that the parts of a pattern match."""
    if not parts:
        return
    part, *rest = parts
    if part == _ANY_FOLDERS:
        yield from _match_local(folder, rest)
        for name in _list_names(folder):
            path = os.path.join(folder, name)
            if not name.startswith(".") and os.path.isdir(path) and not os.path.islink(path):
                yield from _match_local(path, parts)
        return
    for name in _find_names(folder, part):
        path = os.path.join(folder, name)
        if rest:
            yield from _match_local(path, rest)
        elif not os.path.isdir(path):
            yield path


def _find_names(folder: str, part: str) -> list[str]:
    """Returns the names in a folder that one part of a pattern matches."""
    if os.path.lexists(os.path.join(folder, part)):
        return [part]
    if PATTERN_CHARACTERS.isdisjoint(part):
        return []
    return [name for name in _list_names(folder) if _matches_name(part, name)]


def _list_names(folder: str) -> list[str]:
    folder = folder or os.curdir
    return os.listdir(folder) if os.path.isdir(folder) else []


def _matches_name(part: str, name: str) -> bool:
    """Returns whether a part of a pattern other than `**` matches the name of a file or folder."""
    if name.startswith(".") and not part.startswith("."):
        return False
    return fnmatch.fnmatchcase(name, part)


def _describe_local(path: str) -> MatchedFile:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is a symbolic link, but there is no file that it leads to") from None
    return MatchedFile(path, status.st_size, status.st_mtime_ns)


def _match_remote(folder: str, pattern: str) -> list[MatchedFile]:
    """Finds files on a file system of Beam, such as an object store.

    Beam has patterns of its own. It lists all files below the last folder that is no pattern, and their paths are
    matched here.
    """
    # Importing Beam takes seconds, and local files do not need it.
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    if "://" in pattern:
        scheme, _, pattern = pattern.partition("://")
        folder = f"{scheme}://"
    parts = _split_pattern(pattern)
    base = folder.rstrip("/") if not folder.endswith("://") else folder
    if FileSystems.exists(_join(base, parts)):
        beam_pattern = _join(base, parts)
        parts = []
    else:
        while parts and PATTERN_CHARACTERS.isdisjoint(parts[0]):
            base = _join(base, [parts.pop(0)])
        beam_pattern = _join(base, [_ANY_FOLDERS])
    files = []
    try:
        (result,) = FileSystems.match([beam_pattern])
    except BeamIOError as error:
        raise OSError(f"the files of {beam_pattern} cannot be listed: {error}") from error
    for metadata in result.metadata_list:
        names = metadata.path.removeprefix(base).strip("/").split("/")
        if not parts or _matches_path(parts, names):
            modified_ns = int(metadata.last_updated_in_seconds * _NANOSECONDS)
            files.append(MatchedFile(metadata.path, metadata.size_in_bytes, modified_ns))
    return sorted(files)


def _join(base: str, parts: Sequence[str]) -> str:
    path = "/".join(parts)
    return f"{base}{path}" if base.endswith("://") else f"{base}/{path}"


def _matches_path(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Returns whether the parts of a pattern match the names of the folders and of the file of a path."""
    if not parts or not names:
        return not parts and not names
    part, *rest = parts
    if part == _ANY_FOLDERS:
        is_hidden = names[0].startswith(".")
        return _matches_path(rest, names) or (not is_hidden and _matches_path(parts, names[1:]))
    return _matches_name(part, names[0]) and _matches_path(rest, names[1:])
