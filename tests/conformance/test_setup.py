"""`.ci/setup` picks the Python and the TFX line by what the machine has: tried on machines made of stand-ins."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Machine:
    """A PATH with chosen interpreters and a chosen glibc on it."""

    root: Path
    home: Path

    def command(self, path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def glibc(self, version: str) -> None:
        self.command(self.home / "bin/getconf", f"echo glibc {version}")

    def python(self, path: str, version: str) -> None:
        """An interpreter that answers who it is, and says yes to every other question."""
        self.command(self.home / path, f'echo "{version} $0"')

    def check(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.home}/bin:{self.home}/tools", "HOME": str(self.home)}
        script = [str(self.home / "tools/bash"), str(self.root / ".ci/setup"), "check"]
        return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    made = Machine(root=root, home=tmp_path)
    (tmp_path / "tools").mkdir()
    for tool in ("bash", "dirname", "sort", "uname"):
        found = subprocess.run(["bash", "-c", f"type -P {tool}"], capture_output=True, text=True, check=True).stdout
        (tmp_path / "tools" / tool).symlink_to(found.strip())
    made.command(tmp_path / "tools/g++", "exit 0")
    return made


def test_check_picks_the_old_line_when_glibc_is_old(machine: Machine) -> None:
    machine.glibc("2.36")
    machine.python("bin/python3.10", "3.10")
    machine.python("bin/python3.13", "3.13")
    assert machine.check().stdout == f"setup: TFX 1.16 on Python 3.10 ({machine.home}/bin/python3.10), glibc 2.36\n"


@pytest.mark.parametrize("glibc", ["2.39", "2.41", "3.0"])
def test_check_picks_the_new_line_when_glibc_is_new(machine: Machine, glibc: str) -> None:
    machine.glibc(glibc)
    machine.python("bin/python3", "3.13")
    assert machine.check().stdout == f"setup: TFX 1.21 on Python 3.13 ({machine.home}/bin/python3), glibc {glibc}\n"


def test_check_prefers_the_version_in_the_file_when_several_fit(machine: Machine) -> None:
    machine.glibc("2.41")
    for version in ("3.13", "3.12", "3.10"):
        machine.python(f"bin/python{version}", version)
    assert "on Python 3.10 " in machine.check().stdout


@pytest.mark.parametrize(
    "place", [".pyenv/versions/3.10.13/bin/python", ".local/share/uv/python/cpython-3.10.20-linux/bin/python3"]
)
def test_check_looks_behind_a_shim_when_it_does_not_start(machine: Machine, place: str) -> None:
    machine.glibc("2.36")
    machine.command(machine.home / "bin/python3.10", "echo 'python3.10: command not found' >&2; exit 127")
    machine.python(place, "3.10")
    assert f"({machine.home}/{place})" in machine.check().stdout


def test_check_names_what_to_install_when_no_python_fits(machine: Machine) -> None:
    machine.glibc("2.36")
    machine.python("bin/python3.12", "3.12")
    machine.python("bin/python3", "3.12")
    result = machine.check()
    assert (result.returncode, result.stdout) == (1, "")
    assert "no Python 3.10 found" in result.stderr
    assert "glibc is 2.36" in result.stderr
    assert "pyenv install 3.10" in result.stderr


def test_check_names_the_compiler_when_it_is_missing(machine: Machine) -> None:
    machine.glibc("2.36")
    machine.python("bin/python3.10", "3.10")
    (machine.home / "tools/g++").unlink()
    result = machine.check()
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"setup: {machine.home}/bin/python3.10 lacks what installing takes: g++.",
        "setup: On Debian or Ubuntu: apt-get install g++",
    ]


def test_check_says_so_when_there_is_no_glibc(machine: Machine) -> None:
    machine.command(machine.home / "bin/getconf", "exit 1")
    assert "TFX has wheels for Linux with glibc only" in machine.check().stderr
