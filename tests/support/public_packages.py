"""The packages that users may import from."""

from support.paths import ROOT


def list_public_packages() -> list[str]:
    """Returns the dotted name of every public package: its `__init__.pyi` lists what it makes public."""
    folders = sorted(
        path.parent for top in ("components", "pipeline", "schemas") for path in (ROOT / top).rglob("__init__.pyi")
    )
    return [".".join(("tfx_sequence", *folder.relative_to(ROOT).parts)) for folder in folders]
