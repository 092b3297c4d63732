"""Makes up strokes of a pen: sequences of points, of unequal length, each with the shape that it draws.

    python make_data.py        # writes data/train.jsonl, data/eval.jsonl and data/test.jsonl beside this file

A record is `{"pen": [[x, y], ...], "shape": "circle"}`: slow and fast hands, large and small ones, none of them steady.
Now and then the pen was not seen; the point is then null.
"""

from __future__ import annotations

import json
import math
import pathlib
import random

SIZES = {"train": 400, "eval": 60, "test": 100}

SHAPES = {
    "circle": lambda t: (math.cos(t), math.sin(t)),
    "eight": lambda t: (math.sin(t), math.sin(2 * t) / 2),
    "spiral": lambda t: (t / 7 * math.cos(2 * t), t / 7 * math.sin(2 * t)),
    "wave": lambda t: (t / 3 - 1, math.sin(2 * t) / 2),
}
"""Name to where the pen is at the time t, from 0 to 2 pi."""


def stroke(choose: random.Random) -> dict[str, object]:
    """One record."""
    shape = choose.choice(list(SHAPES))
    points, size, turn = choose.randint(12, 60), choose.uniform(0.5, 2), choose.uniform(-0.4, 0.4)
    pen: list[list[float] | None] = []
    for number in range(points):
        x, y = SHAPES[shape](2 * math.pi * number / (points - 1))
        x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        seen = [round(size * at + choose.gauss(0, 0.05), 3) for at in (x, y)]
        pen.append(seen if choose.random() < 0.9 else None)
    return {"pen": pen, "shape": shape}


def main(folder: pathlib.Path) -> None:
    """Writes a file for each split."""
    folder.mkdir(exist_ok=True)
    choose = random.Random(1)
    for split, size in SIZES.items():
        lines = "".join(json.dumps(stroke(choose)) + "\n" for _ in range(size))
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(__file__).parent / "data")
