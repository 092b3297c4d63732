"""Recognises the format of a file by its first bytes, for files whose names do not say it and for error messages."""

from __future__ import annotations

import re

from tfx_sequence.schemas.records.tfrecords import has_valid_header

HEAD_BYTES = 1 << 14
"""The number of bytes to look at. The header of a `.ts` file may begin with pages of comments."""

_ZIP = b"PK\x03\x04"

_BINARY_FILES = {_ZIP: "a zip archive", b"PAR1": "a Parquet file", b"\x93NUMPY": "a NumPy array"}

_MEMBER_NAME = slice(30, 200)
"""The bytes of a zip archive that contain the name of its first member, which begins at byte 30."""

_TS_TAG = re.compile("@[A-Za-z]")
"""The beginning of a line in the header of a `.ts` file, such as `@problemName`."""

_CONLLU_COLUMNS = 10


def recognize_format(head: bytes) -> str | None:
    """Returns the format of a decompressed file that begins with these bytes, or None if several formats are possible.

    Text may have the format `csv`, `columns`, `parallel` or `text`, which cannot be told apart.
    """
    if head.startswith(_ZIP):
        return "npz" if b".npy" in head[_MEMBER_NAME] else None
    if head.startswith(b"PAR1"):
        return "parquet"
    if has_valid_header(head):
        return "sequence_example"
    return _recognize_text(head.decode("utf-8-sig", "replace")) if is_text(head) else None


def describe_content(head: bytes) -> str:
    """Returns what a file that begins with these bytes is, for error messages: `a zip archive`."""
    return find_binary_kind(head) or ("text" if is_text(head) else "no known kind of file")


def find_binary_kind(head: bytes) -> str | None:
    """Returns what a binary file that begins with these bytes is, or None if it may be text."""
    return next((name for magic, name in _BINARY_FILES.items() if head.startswith(magic)), None)


def is_text(head: bytes) -> bool:
    """Returns whether bytes are the beginning of a text in UTF-8, which may end within a character."""
    if not head or b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start > 0
    return True


def _recognize_text(text: str) -> str | None:
    stripped = text.lstrip()
    if stripped.startswith("{"):
        return "jsonl"
    if stripped.startswith("["):
        return "json"
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    first_line = next(lines, "")
    if _TS_TAG.match(first_line):
        return "ts"
    cells = first_line.split("\t")
    return "conllu" if len(cells) == _CONLLU_COLUMNS and cells[0][:1].isdigit() else None
