"""Fingerprints own code and installed plug-ins, so that TFX runs a component again if its code has changed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping

from tfx_sequence.components.own_code.module_files import find_module_files, is_package, is_reserved

_DISTRIBUTION = "tfx-sequence"


def fingerprint_code(names: Iterable[str | None]) -> dict[str, str]:
    """Fingerprints the code that a component runs, besides that of TFX.

    Args:
      names: Modules, classes and functions of users, as `module` or `module:name`. None stands for a name that the
        settings do not have.

    Returns:
      Distribution or module to fingerprint, sorted. It has the version of this package. For a module that is installed,
      it has the version of its distribution. For any other module, it has the SHA-256 of the files of the module and of
      the siblings that the module imports.

    Raises:
      ModuleNotFoundError: if a module does not exist.
    """
    fingerprints = {_DISTRIBUTION: _look_up_version(_DISTRIBUTION)}
    for name in names:
        if name is not None:
            fingerprints.update(_fingerprint_module(name.partition(":")[0]))
    return dict(sorted(fingerprints.items()))


def hash_files(files: Mapping[str, str]) -> dict[str, str]:
    """Returns module name to the SHA-256 of its file. The hash of a folder is that of no bytes."""
    hashes = {}
    for module, file in files.items():
        content = b""
        if os.path.isfile(file):
            with open(file, "rb") as stream:
                content = stream.read()
        hashes[module] = hashlib.sha256(content).hexdigest()
    return hashes


def fingerprint_dotted_names(names: Iterable[object]) -> dict[str, str]:
    """Fingerprints the code of functions that are named as TFX does it, `module.function`.

    Names that are not strings are ignored, as they are parameters whose value is not known yet.
    """
    return fingerprint_code(name.rpartition(".")[0] for name in names if isinstance(name, str))


def _look_up_version(distribution: str) -> str:
    """Returns the installed version of a distribution, or a fixed text if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of a source tree that is not installed"


def _fingerprint_module(module: str) -> dict[str, str]:
    top_level = module.partition(".")[0]
    if is_reserved(top_level):
        return {}
    folder = _find_folder(top_level)
    if folder is None:
        # A module that a program or a notebook has made, such as `__main__`, has at most a file of its own.
        file = getattr(sys.modules.get(top_level), "__file__", None)
        return hash_files({module: file}) if file else {}
    if not _is_installation(folder):
        return hash_files(find_module_files(folder, [module]))
    distribution = _find_distribution(folder, top_level)
    if distribution is not None:
        return {distribution.metadata["Name"]: distribution.version}
    # No list of files says which distribution the module is part of. Its siblings are other distributions.
    return hash_files(find_module_files(folder, [module], top_level))


def _find_folder(top_level: str) -> str | None:
    """Returns the folder that has a top-level module. None for a module that exists in this process only.

    Raises:
      ModuleNotFoundError: if the module does not exist.
    """
    try:
        spec = importlib.util.find_spec(top_level)
    except ValueError:  # Python raises it for a module without a spec.
        return None
    if spec is None:
        raise ModuleNotFoundError(
            f"no module {top_level!r}, which the settings name; it must be a file {top_level}.py beside the config, or "
            "installed"
        )
    if spec.origin and spec.has_location:
        folder = os.path.dirname(spec.origin)
        return os.path.dirname(folder) if is_package(spec.origin) else folder
    locations = list(spec.submodule_search_locations or ())
    return os.path.dirname(locations[0]) if locations else None


def _is_installation(folder: str) -> bool:
    """Returns whether pip installs to the folder, which then has a folder of metadata for each distribution."""
    return any(name.endswith(".dist-info") for name in os.listdir(folder))


def _find_distribution(folder: str, top_level: str) -> importlib.metadata.Distribution | None:
    """Returns the distribution in a folder that a top-level module is part of, or None if none lists the module."""
    for distribution in importlib.metadata.distributions(path=[folder]):
        if top_level in (distribution.read_text("top_level.txt") or "").split():
            return distribution
    # Not all tools write top_level.txt. The list of files is much longer.
    for distribution in importlib.metadata.distributions(path=[folder]):
        for file in distribution.files or ():
            if file.parts[0].partition(".")[0] == top_level and not file.parts[0].endswith(".dist-info"):
                return distribution
    return None
