"""Puts all temporary files of a command into a private folder, which is deleted when the command ends."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from types import FrameType

from tfx_sequence.components.owned_folders import make_owned_folder, remove_abandoned_folders

_PREFIX = "tfx-sequence-"

_VARIABLE = "TMPDIR"
"""The environment variable that says where temporary files go, for Python, TensorFlow and child processes."""


@contextlib.contextmanager
def use_private_folder() -> Iterator[str]:
    """Makes a folder that only this user can read, for the temporary files of this process and of its children.

    The folder is in the folder that the environment variable `TMPDIR` names. It is deleted when the block ends, and a
    folder that a killed process left there is deleted now. SIGTERM ends the block as Ctrl-C does, by a
    KeyboardInterrupt.

    Yields:
      The path of the folder.
    """
    parent = tempfile.gettempdir()
    remove_abandoned_folders(parent, _PREFIX)
    with (
        _interrupt_on_sigterm(),
        make_owned_folder(parent, _PREFIX, mode=0o700) as folder,
        _set_temporary_folder(folder),
    ):
        yield folder


def keep_file(path: str) -> str:
    """Moves a file out of the private folder, so that it is not deleted with it. Returns its new path.

    A file that is not directly in a private folder is not moved.
    """
    folder, name = os.path.split(path)
    if not os.path.basename(folder).startswith(_PREFIX):
        return path
    kept = os.path.join(os.path.dirname(folder), name)
    os.rename(path, kept)
    return kept


@contextlib.contextmanager
def _set_temporary_folder(folder: str) -> Iterator[None]:
    variable, tempdir = os.environ.get(_VARIABLE), tempfile.tempdir
    os.environ[_VARIABLE] = tempfile.tempdir = folder
    try:
        yield
    finally:
        tempfile.tempdir = tempdir
        if variable is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = variable


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    # Python allows only the main thread to set a handler.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
