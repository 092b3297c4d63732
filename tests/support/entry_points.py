"""Packages that add to a family of parts, made in a folder that a test puts on the path."""

from __future__ import annotations

from pathlib import Path


def install_entry_points(folder: Path, group: str, **targets: str) -> None:
    """Makes the metadata of an installed package in `folder`.

    Args:
      folder: Where modules are imported from.
      group: The group of the entry points.
      **targets: Name to `module:Class`.
    """
    package = folder / "extra_parts-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-parts\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in targets.items())]
    (package / "entry_points.txt").write_text("\n".join(lines) + "\n")
