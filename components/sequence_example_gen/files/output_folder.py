"""Writes a folder of results so that it is seen when it is complete, and so that nothing is lost when writing fails.

A local folder is written beside its place, under a name of its own, and is renamed when all is well. Where a folder
cannot be moved, as on an object store, the file `_unfinished` is written first and deleted last, and readers refuse a
folder that contains it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from tfx_sequence.components.owned_folders import make_owned_folder, remove_abandoned_folders
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.schemas.contract import UNFINISHED


class OutputExistsError(FileExistsError):
    """The output folder is not empty."""


@contextlib.contextmanager
def write_folder(output: str) -> Iterator[str]:
    """Yields a folder to write to, which is `output` when the block has ended without an error.

    Args:
      output: The path of a folder that is empty or does not exist, on any file system of Beam.

    Yields:
      The path of the folder to write to.

    Raises:
      OutputExistsError: if there is anything in `output`, before the block or at its end.
    """
    check_is_empty(output)
    if not file_system.is_local(output):
        with _write_marked(output):
            yield output
        return
    # A link to an empty folder stays a link.
    output = os.path.realpath(output)
    parent, name = os.path.split(output)
    os.makedirs(parent, exist_ok=True)
    if os.path.ismount(output) or not os.access(parent, os.W_OK):
        with _write_marked(output):
            yield output
        return
    prefix = f".{name}.unfinished-"
    remove_abandoned_folders(parent, prefix)
    with make_owned_folder(parent, prefix) as folder:
        yield folder
        if os.path.isdir(output):
            os.chmod(folder, stat.S_IMODE(os.stat(output).st_mode))
        try:
            # An empty folder of this name is replaced, and any other is not.
            os.rename(folder, output)
        except OSError:
            check_is_empty(output)
            raise


def check_is_empty(output: str) -> None:
    """Checks that there is nothing in a folder: no file, no folder and no hidden file.

    Raises:
      OutputExistsError: if there is something.
    """
    if not file_system.is_local(output):
        is_empty = not file_system.list_files(output)
    elif os.path.isdir(output):
        is_empty = not os.listdir(output)
    else:
        is_empty = not os.path.lexists(output)
    if not is_empty:
        raise OutputExistsError(f"the output folder {output!r} is not empty; name a new one, or empty it")


@contextlib.contextmanager
def _write_marked(output: str) -> Iterator[None]:
    """Marks a folder as unfinished until the block has ended without an error, or has left nothing in the folder."""
    mark = file_system.join(output, UNFINISHED)
    file_system.make_folder(output)
    file_system.write_text(mark, "The files of this folder are not complete.\n")
    try:
        yield
    except BaseException:
        if file_system.list_files(output) == [mark]:
            file_system.delete_file(mark)
        raise
    file_system.delete_file(mark)
