"""What every test may use. Set before TensorFlow is imported: its log level."""

from __future__ import annotations

import collections
import importlib.metadata
import os
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
from support.paths import ROOT, SHARED_DATA

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A deadline fails a test on a busy machine, not a wrong one; CI tries the same examples every time.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files with slow tests first, those with most at the beginning: several processes then end together."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


class Treebank(NamedTuple):
    """The two CoNLL-U files of the `turkish-treebanks` distribution."""

    web: Path
    wiki: Path


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def treebank() -> Treebank:
    files = {file.name: Path(str(file.locate())) for file in importlib.metadata.files("turkish-treebanks") or []}
    return Treebank(web=files["web.conllu"], wiki=files["wiki.conllu"])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Larger data sets that lie beside the project on some machines and are no part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the data sets in {SHARED_DATA} are not here")
    return SHARED_DATA
