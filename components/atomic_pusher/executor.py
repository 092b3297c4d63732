"""Defines the executor of AtomicPusher, which lets the stock executor push to a folder of its own, and renames it."""

from __future__ import annotations

import errno
import os
from typing import Any

from tfx import types
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils, proto_utils

from tfx_sequence.components.compat.pusher import PUSHED_KEY, StockPusherExecutor
from tfx_sequence.components.owned_folders import discard_folder, make_owned_folder, remove_abandoned_folders
from tfx_sequence.schemas.contract import KEEP_VERSIONS

_UNFINISHED_PREFIX = ".unfinished-"
"""The beginning of the name of a version that is not complete. Model servers ignore names that are no numbers."""


class Executor(StockPusherExecutor):
    """The executor that pushes a model so that no incomplete version is seen."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed, and deletes versions that are too old.

        Raises:
          OSError: if the model cannot be copied. There is then no new version.
        """
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[keys.PUSH_DESTINATION_KEY], destination)
        base = destination.filesystem.base_directory
        if "://" in base:
            # A folder of an object store cannot be renamed. The stock executor copies the file by which servers tell a
            # complete version last, and an object is seen only when it is complete.
            super().Do(input_dict, output_dict, exec_properties)
            return
        os.makedirs(base, exist_ok=True)
        remove_abandoned_folders(base, _UNFINISHED_PREFIX)
        with make_owned_folder(base, _UNFINISHED_PREFIX) as folder:
            destination.filesystem.base_directory = folder
            properties = {**exec_properties, keys.PUSH_DESTINATION_KEY: proto_utils.proto_to_json(destination)}
            super().Do(input_dict, output_dict, properties)
            pushed_model = artifact_utils.get_single_instance(output_dict[keys.PUSHED_MODEL_KEY])
            if not pushed_model.get_int_custom_property(PUSHED_KEY):
                return
            (stock_version,) = os.listdir(folder)
            version = _publish(os.path.join(folder, stock_version), base)
        self.mark_pushed(pushed_model, os.path.join(base, version), version)
        custom_config = json_utils.loads(exec_properties.get(keys.CUSTOM_CONFIG_KEY) or "null") or {}
        if KEEP_VERSIONS in custom_config:
            delete_old_versions(base, custom_config[KEEP_VERSIONS])


def list_versions(base: str) -> list[int]:
    """Returns the numbers of the versions in a folder, the newest first."""
    with os.scandir(base) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    versions = {int(name) for name in names if name.isascii() and name.isdigit()}
    # No Pusher writes a name such as "007".
    return sorted((version for version in versions if str(version) in names), reverse=True)


def delete_old_versions(base: str, keep_versions: int) -> list[str]:
    """Deletes all versions except the newest ones. Each is seen whole or not at all while it is deleted.

    Args:
      base: The folder of versions.
      keep_versions: The number of versions to keep.

    Returns:
      The paths of the deleted versions.
    """
    paths = [os.path.join(base, str(version)) for version in list_versions(base)[keep_versions:]]
    for path in paths:
        discard_folder(path, _UNFINISHED_PREFIX)
    return paths


def _publish(folder: str, base: str) -> str:
    """Moves a complete version to its place. Returns its number, which is that of `folder` or a larger one."""
    _flush_to_disk(folder)
    # A server takes the largest number for the newest version, also if the clock was set back.
    version = max(int(os.path.basename(folder)), *(number + 1 for number in list_versions(base)), 0)
    while True:
        try:
            os.rename(folder, os.path.join(base, str(version)))
        except OSError:
            # Another process may have pushed the same number. An empty folder of this name would be replaced.
            if not os.path.exists(os.path.join(base, str(version))):
                raise
            version += 1
        else:
            _flush_to_disk(base, deep=False)
            return str(version)


def _flush_to_disk(folder: str, deep: bool = True) -> None:
    """Waits until a folder, and its files if `deep`, are on the disk, so that a power cut leaves no half version."""
    paths = [folder]
    if deep:
        paths += [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some file systems cannot flush a folder. Any other error means that the version is not on the disk.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)
