"""Converts text in any encoding to UTF-8, block by block, so that the rest of the code reads UTF-8 only."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

UTF_8 = "utf-8"
"""The encoding of text if no other one is named."""

_UNDEFINED = "\udcff"
"""What undefined bytes of another encoding become. It is written as the byte 0xff, which no valid UTF-8 contains."""

_MARK_UNDEFINED = "tfx_sequence.mark_undefined"
"""The name of the error handler that decodes undefined bytes as `_UNDEFINED`."""


def convert_to_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yields chunks of text as UTF-8. A character may begin in one chunk and end in the next.

    Bytes that the encoding does not define become bytes that are not UTF-8, so that whoever decodes the result finds
    them.
    """
    decoder = codecs.getincrementaldecoder(encoding)(_MARK_UNDEFINED)
    for chunk in chunks:
        yield decoder.decode(chunk).encode(UTF_8, "surrogateescape")
    yield decoder.decode(b"", True).encode(UTF_8, "surrogateescape")


def _mark_undefined(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNDEFINED, error.end


codecs.register_error(_MARK_UNDEFINED, _mark_undefined)
