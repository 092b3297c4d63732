"""A package with a reader of its own, as others install them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tfx_sequence.components.sequence_example_gen.readers.table import READERS

MODULE = """
from tfx_sequence.components.sequence_example_gen import Reader

class Words(Reader):
    def __init__(self, spec, options):
        self.separator = options.get("separator")

    def read(self, source):
        for number, line in source.lines():
            yield number, {"tokens": line.split(self.separator)}

class SampledWords(Words):
    @classmethod
    def sample(cls, source, options):
        for _, line in source.lines():
            yield {"tokens": line.split(options.get("separator"))}
"""


@contextlib.contextmanager
def install_words_reader(folder: Path) -> Iterator[None]:
    """Puts a package with the format `words`, read by `words_plugin:Words`, on the path until the block ends.

    Of the two readers in it, `words_plugin:SampledWords` lets its features be discovered.
    """
    (folder / "words_plugin.py").write_text(MODULE)
    info = folder / "words_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{READERS.group}]\nwords = words_plugin:Words\n")
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("words_plugin", None)
