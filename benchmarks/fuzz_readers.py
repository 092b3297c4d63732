"""Fuzzes a text reader, guided by the code that a file reaches, for as long as you like.

    pip install atheris
    python benchmarks/fuzz_readers.py jsonl -max_total_time=60

The first argument is a key of `FORMATS`; the others are libFuzzer's. It ends with 0 if every promise held.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

with atheris.instrument_imports(include=["tfx_sequence"]):
    from support.fuzzed_readers import FORMATS, check_promises


def main() -> None:
    name = sys.argv[1]
    # Some modules are imported at their first use; that run must not count as slow.
    check_promises(name, FORMATS[name].valid)
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "valid").write_bytes(FORMATS[name].valid)
        atheris.Setup(
            [sys.argv[0], "-report_slow_units=60", *sys.argv[2:], corpus],
            lambda data: check_promises(name, data),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
