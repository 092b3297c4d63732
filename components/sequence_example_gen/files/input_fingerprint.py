"""Fingerprints the input files of an execution, so that TFX reads them again if a file has changed."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Mapping

from tfx_sequence.components.file_patterns import MatchedFile, match_files


def fingerprint_inputs(folder: str, patterns: Mapping[str, str], with_siblings: bool) -> str:
    """Fingerprints the names, sizes and times of the input files.

    The times are in nanoseconds, so a file that is written twice in a second and keeps its size has changed.

    Args:
      folder: The folder that the patterns are relative to.
      patterns: Name of the input to its pattern.
      with_siblings: Whether all files in the folders of matched files count too, as a reader may read them as well.

    Returns:
      One line per input, in the form of stock ExampleGen: `split:train,num_files:2,total_bytes:90,sha256:1f...`.
    """
    lines = []
    for name, pattern in patterns.items():
        files = match_files(folder, pattern)
        if with_siblings:
            files = _add_siblings(files)
        digest = hashlib.sha256()
        for file in files:
            # A moved folder with its files as they were is the same data.
            relative_path = file.path.removeprefix(folder).lstrip("/")
            digest.update(f"{relative_path}\0{file.num_bytes}\0{file.modified_ns}\n".encode("utf-8", "surrogateescape"))
        total_bytes = sum(file.num_bytes for file in files)
        lines.append(f"split:{name},num_files:{len(files)},total_bytes:{total_bytes},sha256:{digest.hexdigest()}")
    return "\n".join(lines)


def _add_siblings(files: list[MatchedFile]) -> list[MatchedFile]:
    """Adds the other files in the folders of files."""
    found = set(files)
    for folder in {posixpath.dirname(file.path) for file in files}:
        found.update(match_files(folder or os.curdir, "*"))
    return sorted(found)
