import importlib
import pathlib

import pytest

from tfx_sequence.pipeline.config.data_folder import resolve_data_folder


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """An installed distribution `corpora` with files at two depths."""
    files = ["corpora/web/a.conllu", "data/deep/er/b.conllu", "dataset.txt"]
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    info = tmp_path / "corpora-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: corpora\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


@pytest.mark.parametrize("folder", ["corpora/web", "corpora", "data", "data/deep", "data/deep/er", "data/"])
def test_data_folder_finds_the_folder_when_the_distribution_is_installed(distribution, folder):
    assert pathlib.Path(resolve_data_folder(f"package:corpora/{folder}")) == distribution / folder


def test_data_folder_gives_a_plain_folder_as_it_is():
    assert resolve_data_folder("/some/where") == "/some/where"


@pytest.mark.parametrize("folder", ["dat", "dataset.txt", "web"])
def test_data_folder_says_so_when_the_distribution_has_no_such_folder(distribution, folder):
    message = rf"^the Python package 'corpora' is installed, but has no folder '{folder}' among its files$"
    with pytest.raises(ValueError, match=message):
        resolve_data_folder(f"package:corpora/{folder}")


def test_data_folder_says_what_to_install_when_the_distribution_is_missing():
    with pytest.raises(ValueError, match=r"^the Python package 'no-such' is not installed; .*: pip install no-such$"):
        resolve_data_folder("package:no-such/data")


@pytest.mark.parametrize("name", ["package:", "package:corpora", "package:/data", "package:corpora/"])
def test_data_folder_says_the_form_when_it_is_wrong(name):
    with pytest.raises(ValueError, match=r"^must have the form package:<distribution>/<folder>, but is "):
        resolve_data_folder(name)
