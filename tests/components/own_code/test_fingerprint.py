"""The fingerprint of code changes with each file that the code consists of, and with versions of what is installed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import types
from pathlib import Path

import pytest

from tfx_sequence.components.own_code.fingerprint import fingerprint_code, fingerprint_dotted_names

VERSION = {"tfx-sequence": importlib.metadata.version("tfx-sequence")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that are importable."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_has_the_hash_of_each_file_of_own_code(folder: Path) -> None:
    (folder / "mine_1.py").write_bytes(b"import shapes_1, numpy")
    (folder / "shapes_1.py").write_bytes(b"circle = 1")
    expected = {
        name: hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in ("mine_1", "shapes_1")
    }
    assert fingerprint_code(["mine_1:Reader", None, "mine_1:metric"]) == {**VERSION, **expected}
    assert fingerprint_dotted_names(["mine_1.run_fn", None]) == {**VERSION, **expected}


@pytest.mark.parametrize(
    ("file", "text"), [("top_level.txt", "plugin_{0}\n"), ("RECORD", "plugin_{0}/a.py,,\n"), (None, "")]
)
def test_has_the_version_of_what_is_installed(folder: Path, file: str | None, text: str) -> None:
    name = f"plugin_{(file or 'none').partition('.')[0]}"
    info = folder / "my_plugin-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.5\n")
    if file:
        (info / file).write_text(text.format(name.removeprefix("plugin_")))
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("import other_distribution")
    (folder / name / "a.py").touch()  # Python 3.13 leaves out listed files that do not exist.
    (folder / "other_distribution.py").touch()
    # Without a list of files, the plug-in is told by its bytes.
    expected = {"my-plugin": "1.5"} if file else {name: hashlib.sha256(b"import other_distribution").hexdigest()}
    assert fingerprint_code([f"{name}:Reader"]) == {**VERSION, **expected}


def test_needs_no_code_but_ours_for_names_of_ours_and_of_python() -> None:
    assert fingerprint_code(["tfx_sequence.schemas.spec:Feature", "sys:path", "json.decoder:x"]) == VERSION


def test_takes_modules_that_have_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "made_here", types.ModuleType("made_here"))
    assert fingerprint_code(["made_here:make"]) == VERSION


def test_names_a_module_that_does_not_exist() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module 'no_such_module', which the settings name"):
        fingerprint_code(["no_such_module.inner:make"])
