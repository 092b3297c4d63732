"""Locks the folder of a pipeline, so that two runs do not write to it at once."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import socket
from collections.abc import Iterator

_LOCK_FILE = "run.lock"
"""The file that a run locks (flock) in the root of its pipeline. It stays there, since it is the lock that counts."""


class RootInUseError(RuntimeError):
    """Another process uses the root of the pipeline."""


@contextlib.contextmanager
def lock_root(root: str) -> Iterator[None]:
    """Locks the root of a pipeline until the block ends or the process dies. The lock file says who holds it.

    Nothing is locked on an object store, or on a file system without locks.

    Args:
      root: The folder, which is made if it does not exist.

    Raises:
      RootInUseError: if another process has locked it.
      OSError: if the folder or the lock file cannot be made.
    """
    if "://" in root:
        yield
        return
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, _LOCK_FILE), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RootInUseError(
                f"{root} is in use by {_describe_holder(file.read())}; wait until it ends, or set another `root` in "
                "[pipeline]"
            ) from None
        except OSError:
            # The file system has no locks.
            yield
            return
        file.truncate(0)
        now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "since": now}, file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _describe_holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['process']} on {holder['host']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        # It has locked the file, and is about to write its name.
        return "another process"
