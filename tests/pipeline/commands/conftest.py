from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfx_sequence.pipeline.cli import main

WORDS = {"train": "a b c d", "dev": "a b c", "test": "a b e"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes records to `<name>.jsonl` in a folder, and gives the folder."""

    def to_file(name: str, records: list[dict[str, Any]], folder: str = "data") -> str:
        path = tmp_path / folder / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
        return str(path.parent)

    return to_file


@pytest.fixture
def corpus(write: Callable[..., str]) -> str:
    """A folder with train.jsonl, dev.jsonl and test.jsonl, in which nothing is wrong."""
    for split, words in WORDS.items():
        folder = write(split, [record(words.split(), n) for n in range(30)])
    return folder


def record(words: list[str], number: int) -> dict[str, Any]:
    words = [*words[: 1 + number % len(words)], f"w{number}"]
    return {"words": words, "tags": ["B-X" if word == "a" else "O" for word in words], "id": str(number)}


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command, and gives exit code, standard output and standard error."""

    def command(*argv: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(argv)
        out, err = capfd.readouterr()
        return code, out, err

    return command
