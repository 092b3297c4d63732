"""The command `init`: makes a project to begin with."""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

from tfx_sequence.pipeline.terminal.session import COULD_NOT_RUN

HELP = "make a project to begin with"
DESCRIPTION = (
    "Make a folder with a config, made-up data, a preprocessing_fn and a model_fn of one's own, and their tests; it "
    "runs at once. Exit code: 0, or 2 if the folder is not empty."
)

_SIZES = {"train": 400, "eval": 60, "test": 60}
"""Split to number of requests: enough for good metrics, and few enough to train in a minute."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that is empty or not there yet")


def main(arguments: argparse.Namespace) -> int:
    """Makes the folder; returns the exit code."""
    folder = pathlib.Path(arguments.folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            print(f"tfx-sequence: {folder} is not empty; name a new folder", file=sys.stderr)
            return COULD_NOT_RUN
        files = _make_files(folder)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"tfx-sequence: {folder}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_RUN
    print(*sorted(files), f"\nNow: cd {folder} && tfx-sequence run pipeline.toml", sep="\n")
    return 0


def _make_files(folder: pathlib.Path) -> dict[str, str]:
    """Returns path to text: the template, with the folder's name for `{name}`, and the data."""
    from tfx_sequence.pipeline.datasets.sample_data import make_sample_files

    # The name of a pipeline has fewer characters than that of a folder may have.
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", folder.resolve().name).lstrip("_.-") or "project"
    template = pathlib.Path(__file__).parent.parent / "template"
    files = {}
    for path in sorted(template.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8")
            files[str(path.relative_to(template))] = text.replace("{name}", name)
    for file, text in make_sample_files(_SIZES).items():
        files[f"data/{file}"] = text
    return files
