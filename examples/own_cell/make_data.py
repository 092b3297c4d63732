"""Made-up brackets: at each step, is any bracket still open?

    python make_data.py        # writes data/train.jsonl, data/eval.jsonl and data/test.jsonl beside this file

Brackets may stand far apart, so the cell has to remember.
"""

from __future__ import annotations

import json
import pathlib
import random

SIZES = {"train": 400, "eval": 60, "test": 100}


def record(choose: random.Random) -> dict[str, list[str]]:
    """`{"text": ["a", "(", "b", ")"], "inside": ["no", "yes", "yes", "no"]}`."""
    text, inside, depth = [], [], 0
    for _ in range(choose.randint(1, 30)):
        text.append(choose.choice("abcd" + "(" * (depth < 2) + ")" * (depth > 0)))
        depth += {"(": 1, ")": -1}.get(text[-1], 0)
        inside.append("yes" if depth else "no")
    return {"text": text, "inside": inside}


def main(folder: pathlib.Path) -> None:
    """Writes a file for each split."""
    folder.mkdir(exist_ok=True)
    choose = random.Random(1)
    for split, size in SIZES.items():
        lines = "".join(json.dumps(record(choose)) + "\n" for _ in range(size))
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(__file__).parent / "data")
