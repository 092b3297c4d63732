import contextlib
import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from tfx import types
from tfx.components.pusher import executor as stock_executor
from tfx.components.pusher.component import Pusher
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from tfx_sequence.components.atomic_pusher.component import AtomicPusher
from tfx_sequence.components.atomic_pusher.executor import Executor, delete_old_versions, list_versions

SIZES = {"variables/variables.data-00000-of-00001": 3 << 20, "assets/words.txt": 1 << 20, "saved_model.pb": 1 << 20}
"""The files of a model: large ones, so that copying takes some milliseconds."""

PUSH_AND_BE_KILLED = """
import os, signal, sys
from tfx.dsl.io import fileio
copied = []
copy = fileio.copy
def copy_two_files(source, target, *args, **kwargs):
    if len(copied) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    copied.append(target)
    copy(source, target, *args, **kwargs)
fileio.copy = copy_two_files
sys.path.insert(0, sys.argv[3])
from test_atomic_pusher import push
push(sys.argv[1], sys.argv[2])
"""


def make_component(base, **arguments):
    destination = pusher_pb2.PushDestination.Filesystem(base_directory=str(base))
    return AtomicPusher(
        model=types.Channel(type=standard_artifacts.Model),
        push_destination=pusher_pb2.PushDestination(filesystem=destination),
        **arguments,
    )


def push(model_uri, base, executor=None, blessed=None, **arguments):
    """Pushes a model as the launcher does. Returns the PushedModel."""
    model, pushed, blessing = standard_artifacts.Model(), standard_artifacts.PushedModel(), None
    model.uri, pushed.uri = str(model_uri), f"{model_uri}-pushed"
    inputs = {"model": [model]}
    if blessed is not None:
        blessing = standard_artifacts.ModelBlessing()
        blessing.set_int_custom_property("blessed", int(blessed))
        inputs["model_blessing"] = [blessing]
    properties = dict(make_component(base, **arguments).spec.exec_properties)
    (executor or Executor()).Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def read_sizes(folder):
    sizes = {}
    for name in SIZES:
        # The file may be moved away while this thread looks.
        with contextlib.suppress(FileNotFoundError):
            sizes[name] = (pathlib.Path(folder) / name).stat().st_size
    return sizes


@pytest.fixture
def model(tmp_path):
    for name, size in SIZES.items():
        path = tmp_path / "model" / "Format-Serving" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    return tmp_path / "model"


class Poller:
    """Looks at a folder of versions every millisecond, and remembers which it has seen incomplete.

    Args:
      base: The folder.
    """

    def __init__(self, base):
        self._base = pathlib.Path(base)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll)
        self.incomplete = []
        self.looks = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stopped.set()
        self._thread.join()

    def _poll(self):
        while not self._stopped.wait(0.001):
            self.looks += 1
            if not self._base.exists():
                continue
            for name in os.listdir(self._base):
                sizes = read_sizes(self._base / name)
                # A version that is gone now was moved away while this thread looked at its files.
                if name.isdigit() and sizes != SIZES and (self._base / name).exists():
                    self.incomplete.append((name, sizes))


def test_component_has_the_channels_of_the_stock_pusher(tmp_path):
    component = make_component(tmp_path)
    assert isinstance(component, Pusher)
    assert component.inputs.keys() == {"model"}
    assert component.outputs["pushed_model"].type is standard_artifacts.PushedModel


def test_poller_never_sees_an_incomplete_version(model, tmp_path):
    base = tmp_path / "serving"
    with Poller(base) as poller:
        for _ in range(5):
            push(model, base, keep_versions=2)
    assert poller.looks > 5
    assert poller.incomplete == []
    assert len(list_versions(base)) == 2


def test_poller_sees_what_the_stock_pusher_leaves_incomplete(model, tmp_path):
    base = tmp_path / "serving"
    with Poller(base) as poller:
        # The poller may look away during a push, so it gets many chances.
        for _ in range(200):
            push(model, base, executor=stock_executor.Executor())
            os.rename(base / str(list_versions(base)[0]), tmp_path / f"away{time.time()}")
            if poller.incomplete:
                break
    assert poller.incomplete != []


def test_each_push_makes_the_newest_version_and_says_where(model, tmp_path):
    base = tmp_path / "serving"
    first = push(model, base)
    (base / "9999999999").mkdir()
    second = push(model, base)
    third = push(model, base)
    versions = [pushed.get_string_custom_property("pushed_version") for pushed in (second, third)]
    assert versions == ["10000000000", "10000000001"]
    for pushed in (first, second, third):
        destination = pushed.get_string_custom_property("pushed_destination")
        assert destination == f"{base}/{pushed.get_string_custom_property('pushed_version')}"
        assert read_sizes(destination) == SIZES
        assert pushed.get_int_custom_property("pushed") == 1
    assert {name for name in os.listdir(base) if not name.isdigit()} == set()


def test_model_that_is_not_blessed_is_not_pushed(model, tmp_path):
    pushed = push(model, tmp_path / "serving", blessed=False)
    assert pushed.get_int_custom_property("pushed") == 0
    assert os.listdir(tmp_path / "serving") == []


def test_push_that_fails_leaves_no_version(model, tmp_path, monkeypatch):
    def copy(source, target, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stock_executor.io_utils, "copy_file", copy)
    with pytest.raises(OSError, match="No space left"):
        push(model, tmp_path / "serving")
    assert os.listdir(tmp_path / "serving") == []


@pytest.mark.parametrize(("code", "is_pushed"), [(errno.EIO, False), (errno.EINVAL, True)])
def test_version_that_does_not_reach_the_disk_is_not_pushed(model, tmp_path, monkeypatch, code, is_pushed):
    def fail(_descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    # A file system that cannot flush a folder says that the argument is invalid.
    with contextlib.nullcontext() if is_pushed else pytest.raises(OSError, match=os.strerror(code)):
        push(model, tmp_path / "serving")
    assert bool(list_versions(tmp_path / "serving")) == is_pushed
    assert [name for name in os.listdir(tmp_path / "serving") if not name.isdigit()] == []


def test_push_that_is_killed_leaves_no_version_and_the_next_one_removes_the_rest(model, tmp_path):
    base = tmp_path / "serving"
    here = os.path.dirname(__file__)
    killed = subprocess.run([sys.executable, "-c", PUSH_AND_BE_KILLED, model, base, here], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = os.listdir(base)
    assert not left.isdigit()
    push(model, base)
    assert [name.isdigit() for name in os.listdir(base)] == [True]


def test_only_old_versions_are_deleted(tmp_path):
    for name in ("9", "10", "11", "old", "12.bak", "010"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("a file")
    (tmp_path / "7").symlink_to(tmp_path / "old")
    assert delete_old_versions(str(tmp_path), 2) == [f"{tmp_path}/9"]
    assert sorted(os.listdir(tmp_path)) == ["010", "10", "11", "12.bak", "7", "8", "old"]


@pytest.mark.parametrize("keep", [0, -1, 1.5, "2", True])
def test_number_of_versions_is_checked(tmp_path, keep):
    with pytest.raises(ValueError, match=r"`keep_versions` is .* expected an integer of at least 1"):
        make_component(tmp_path, keep_versions=keep)


def test_destination_is_required():
    with pytest.raises(ValueError, match="`push_destination` is None"):
        AtomicPusher(model=types.Channel(type=standard_artifacts.Model))
