"""Implements the command `init`, which makes a new project with a config, sample data and code to change."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.session import CommandError, run_in_session

if TYPE_CHECKING:
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "make a new project with sample data"
DESCRIPTION = (
    "Make a folder with a config, sample data, and a module with a preprocessing_fn and a model_fn and its tests. The "
    "project can be run immediately. Exit code: 0 if the folder was made, 2 if it is not empty or cannot be made."
)

_NUM_REQUESTS = {"train": 400, "eval": 60, "test": 60}
"""Split name to number of sample requests. They are enough for good metrics, and few enough to train in a minute."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("folder", metavar="FOLDER", help="a new or empty folder for the project")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, all else to stderr")


def main(arguments: argparse.Namespace) -> int:
    """Makes the project. Returns the exit code."""
    return run_in_session("init", arguments.json, lambda streams: _init(arguments, streams))


def _init(arguments: argparse.Namespace, streams: Streams) -> int:
    folder = pathlib.Path(arguments.folder)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise CommandError(f"{folder} is not empty; name a new folder")
        files = _make_files(folder)
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder}: {error.strerror}") from None
    if arguments.json:
        print(json.dumps({"folder": str(folder), "files": sorted(files)}, ensure_ascii=False), file=streams.out)
    else:
        print(*sorted(files), sep="\n", file=streams.out)
        print(f"\nNow: cd {folder} && tfx-sequence run pipeline.toml", file=streams.out)
    return ExitCode.DONE


def _make_files(folder: pathlib.Path) -> dict[str, str]:
    """Returns the files of the project, as path to text.

    They are the files of the template, with the project's name in place of `{name}`, and the sample data.
    """
    from tfx_sequence.pipeline.datasets.sample_data import make_sample_files

    # The project is named for its folder. The name of a pipeline may have fewer kinds of characters than a folder's.
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", folder.resolve().name).lstrip("_.-") or "project"
    template = pathlib.Path(__file__).parent.parent / "template"
    files = {}
    for path in sorted(template.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8")
            files[str(path.relative_to(template))] = text.replace("{name}", name)
    for file, text in make_sample_files(_NUM_REQUESTS).items():
        files[f"data/{file}"] = text
    return files
