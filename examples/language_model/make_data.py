"""Makes data for a language model: the help that Python has on its own language, split into lines.

    python make_data.py              # writes data/text.txt beside this file
    python make_data.py book.txt     # the same from a text of yours

Any text will do. That of Python is used because everybody who can run this has it.
"""

from __future__ import annotations

import pathlib
import pydoc_data.topics
import sys

LINES = 1500


def python_help() -> str:
    """What `help()` shows on topics such as "for" and "lambda"."""
    return "\n".join(text for _, text in sorted(pydoc_data.topics.topics.items()))


def main(folder: pathlib.Path, text: str) -> None:
    """Writes the first lines that are not blank, none of them twice."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text("".join(f"{line}\n" for line in lines[:LINES]), encoding="utf-8")


if __name__ == "__main__":
    given = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else python_help()
    main(pathlib.Path(__file__).parent / "data", given)
