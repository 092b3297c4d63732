"""Makes own code importable from its folder, without making anything else in the folder importable.

A folder on `sys.path` would make all its files importable: a file `queue.py` beside a config would replace Python's
module `queue` everywhere. So a finder on `sys.meta_path` finds exactly the modules of `find_module_files`. Worker
processes of Beam inherit an environment variable, by which they find the same modules: in such a process, the first
import of this package installs the finder, and own code is only used through classes of this package.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

from tfx_sequence.components.own_code.fingerprint import hash_files
from tfx_sequence.components.own_code.module_files import find_module_files, is_package
from tfx_sequence.schemas.contract import OWN_CODE_VARIABLE


class _OwnCodeFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of own code.

    Attributes:
      files: Module name to the path of its file, or of its folder for a package without `__init__.py`.
      hashes: Module name to the hash of its file, at the time when the module was made importable.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.hashes: dict[str, str] = {}

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self.files.get(name)
        if file is None:
            if name.partition(".")[0] in self.files:
                # Python would find the module in the folder of its package, but it would not be part of the hash.
                message = f"No module named {name!r}: no own code imports it by an import statement"
                raise ModuleNotFoundError(message, name=name)
            return None
        if os.path.isdir(file):
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [file]
            return spec
        locations = [os.path.dirname(file)] if is_package(file) else None
        return importlib.util.spec_from_file_location(name, file, submodule_search_locations=locations)


_finder = _OwnCodeFinder()


def make_importable(folder: str, names: Iterable[str]) -> None:
    """Makes modules in a folder importable, and the siblings that they import, here and in processes that Beam starts.

    If a module was imported before and has changed, or another folder had a module of this name, the next import reads
    it anew. So the code that runs is the code that `fingerprint_code` hashes.

    Args:
      folder: The folder that has the modules.
      names: The names of the modules. Those that the folder does not have are ignored, as they may be installed.
    """
    files = find_module_files(os.path.abspath(folder), names)
    if not files:
        return
    hashes = hash_files(files)
    _forget_outdated(files, hashes)
    _install(files, hashes)
    os.environ[OWN_CODE_VARIABLE] = json.dumps(_finder.files)


def install_from_environment() -> None:
    """Makes the own code importable of the process that started this one and set the environment variable."""
    files = json.loads(os.environ[OWN_CODE_VARIABLE])
    _install(files, hash_files(files))


def _install(files: Mapping[str, str], hashes: Mapping[str, str]) -> None:
    _finder.files.update(files)
    _finder.hashes.update(hashes)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    importlib.invalidate_caches()


def _forget_outdated(files: Mapping[str, str], hashes: Mapping[str, str]) -> None:
    """Removes modules from `sys.modules` that were imported from other files or from older versions of these files."""
    has_changed = any(
        _finder.files.get(name, file) != file or _finder.hashes.get(name, hashes[name]) != hashes[name]
        for name, file in files.items()
    )
    for name, file in files.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        is_elsewhere = os.path.isfile(file) and getattr(module, "__file__", None) != file
        # If one module has changed, the others may hold what they imported from it.
        if has_changed or is_elsewhere:
            del sys.modules[name]
