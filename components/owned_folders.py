"""Makes folders for unfinished work, and removes the folders that processes left when they were killed.

The name of such a folder ends with 16 random hexadecimal digits, and its owner holds a lock on it (flock). The kernel
releases the lock when the owner ends, however it ends. So a folder without a lock is proven to be left behind. Where a
file system has no locks, nothing is proven and nothing is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Iterator

_NUM_DIGITS = 16
"""The number of random digits in a name. Two folders have equal names once in 2^32 folders, and then making the second
one fails."""


_MARK = ".held-by-tfx-sequence"
"""A file in a folder of a fixed name, by which it is told from a folder of the same name that a user has made."""


@contextlib.contextmanager
def make_owned_folder(parent: str, prefix: str, mode: int = 0o777) -> Iterator[str]:
    """Makes a folder, and deletes it when the block ends, unless the block has moved it.

    Args:
      parent: The local folder to make it in, which must exist.
      prefix: The beginning of its name.
      mode: Its permissions, from which those of the umask are taken away.

    Yields:
      The path of the folder.
    """
    path, lock = _make_locked_folder(parent, prefix, mode)
    try:
        yield path
    finally:
        try:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            if lock is not None:
                os.close(lock)


@contextlib.contextmanager
def hold_folder(path: str) -> Iterator[None]:
    """Makes a local folder of a fixed name, and deletes it when the block ends. It is locked as soon as it is seen.

    Args:
      path: The path of the folder, which must not exist. Its parent folder must exist.
    """
    unnamed = f"{path}.{uuid.uuid4().hex}"
    os.mkdir(unnamed)
    lock = None
    try:
        with open(os.path.join(unnamed, _MARK), "xb"):
            pass
        # On a file system without locks, the folder is made all the same.
        with contextlib.suppress(OSError):
            lock = lock_folder(unnamed)
        os.rename(unnamed, path)
        try:
            yield
        finally:
            shutil.rmtree(path, ignore_errors=True)
    finally:
        shutil.rmtree(unnamed, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_abandoned_folders(parent: str, prefix: str) -> list[str]:
    """Deletes the folders of `make_owned_folder` whose owner has died. Folders of other users are left alone.

    Args:
      parent: The local folder that they are in. It is no error if it does not exist.
      prefix: The beginning of their names.

    Returns:
      The paths of the deleted folders.
    """
    name = re.compile(re.escape(prefix) + f"[0-9a-f]{{{_NUM_DIGITS}}}")
    try:
        with os.scandir(parent) as entries:
            paths = [entry.path for entry in entries if name.fullmatch(entry.name)]
    except OSError:
        return []
    return [path for path in paths if _remove_abandoned_folder(path)]


def remove_if_abandoned(path: str, held: str) -> bool:
    """Deletes a folder if it contains a folder of `hold_folder` whose owner has died.

    Args:
      path: The folder to delete.
      held: The path of the folder that `hold_folder` made in it.

    Returns:
      Whether the folder was deleted.
    """
    return os.path.exists(os.path.join(held, _MARK)) and _remove_abandoned_folder(held, whole=path)


def _remove_abandoned_folder(path: str, whole: str | None = None) -> bool:
    """Deletes a folder, or the folder `whole` that contains it, if its owner has died. Returns whether it did."""
    try:
        if os.path.islink(path) or os.stat(path).st_uid != os.getuid():
            return False
        lock = lock_folder(path)
    except OSError:
        # It is in use, is gone already, or is on a file system without locks.
        return False
    try:
        shutil.rmtree(whole or path, ignore_errors=True)
    finally:
        os.close(lock)
    return True


def discard_folder(path: str, prefix: str) -> None:
    """Deletes a local folder so that it is seen whole or not at all: it gets the name of an abandoned one first."""
    abandoned = os.path.join(os.path.dirname(path), f"{prefix}{uuid.uuid4().hex[:_NUM_DIGITS]}")
    os.rename(path, abandoned)
    shutil.rmtree(abandoned, ignore_errors=True)


def lock_folder(path: str) -> int:
    """Locks a local folder until this process ends, or until the returned file descriptor is closed.

    Raises:
      BlockingIOError: if another process has locked it.
      OSError: if the folder does not exist, or if its file system has no locks.
    """
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    except BaseException:
        os.close(lock)
        raise


def _make_locked_folder(parent: str, prefix: str, mode: int) -> tuple[str, int | None]:
    """Makes a folder. Returns its path and its lock, which is None if the file system has no locks."""
    while True:
        path = os.path.join(parent, f"{prefix}{uuid.uuid4().hex[:_NUM_DIGITS]}")
        os.mkdir(path, mode)
        try:
            lock = lock_folder(path)
        except (BlockingIOError, FileNotFoundError):
            # Another process looked for abandoned folders before this one was locked, and deletes it.
            continue
        except OSError:
            return path, None
        if os.path.exists(path):
            return path, lock
        os.close(lock)
