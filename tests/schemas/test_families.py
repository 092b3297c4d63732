import importlib
import sys

import pytest
from support.entry_points import install_entry_points

from tfx_sequence.schemas.families import Family, Row, UnknownMemberError


@pytest.fixture
def family():
    return Family("tests.shapes", {"square": Row("collections:OrderedDict")}, make_row=Row)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    install_entry_points(tmp_path, "tests.shapes", circle="shapes:Circle", gone="shapes:Gone")
    (tmp_path / "shapes.py").write_text("class Circle:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("shapes", None)


def test_family_knows_its_own_members(family):
    assert family.list_names() == ["square"]
    assert family.load("square").__name__ == "OrderedDict"


def test_installed_package_adds_a_member(family, installed):
    assert family.list_names() == ["circle", "gone", "square"]
    assert family.find_row("circle") == Row("shapes:Circle")
    assert family.load("circle") is importlib.import_module("shapes").Circle


def test_class_from_elsewhere_is_a_member_under_its_path(family):
    assert family.load("collections:Counter").__name__ == "Counter"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("triangle", "'triangle', expected one of circle, gone, square, or a class as 'module:Class'"),
        ("gone", "'gone', but its class cannot be imported: module 'shapes' has no attribute 'Gone'"),
        ("no_module:X", "'no_module:X', but its class cannot be imported: No module named 'no_module'"),
    ],
)
def test_load_names_the_member_when_it_is_unknown(family, installed, name, message):
    with pytest.raises(UnknownMemberError) as error:
        family.load(name)
    assert str(error.value) == message
