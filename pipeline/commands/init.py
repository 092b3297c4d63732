"""`tfx-sequence init`: a project to begin with."""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

HELP = "make a project to begin with"
DESCRIPTION = (
    "Make a folder with a config, made-up data, a preprocessing_fn and a model_fn of one's own, and their tests; it "
    "runs at once. Exit code: 0, or 2 if the folder is not empty."
)
_SIZES = {"train": 400, "eval": 60, "test": 60}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that is empty or not there yet")


def main(arguments: argparse.Namespace) -> int:
    """Makes the folder; returns the exit code."""
    from tfx_sequence.pipeline.commands.sample_data import sample_files

    folder = pathlib.Path(arguments.folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            print(f"tfx-sequence: {folder} is not empty; name a new folder", file=sys.stderr)
            return 2
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", folder.resolve().name).lstrip("_.-") or "project"
        template = pathlib.Path(__file__).parent.parent / "template"
        files = {
            str(path.relative_to(template)): path.read_text(encoding="utf-8").replace("{name}", name)
            for path in sorted(template.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }
        files |= {f"data/{file}": text for file, text in sample_files(_SIZES).items()}
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"tfx-sequence: {folder}: {error.strerror}", file=sys.stderr)
        return 2
    print(*sorted(files), f"\nNow: cd {folder} && tfx-sequence run pipeline.toml", sep="\n")
    return 0
