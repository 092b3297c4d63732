"""Makes up sessions in the format that `sessions.py` reads.

python make_data.py        # writes data/monday.log and data/tuesday.log beside this file
"""

from __future__ import annotations

import pathlib
import random

SESSIONS = 300
"""The number of sessions in each file."""


def make_session(number: int, choose: random.Random) -> list[str]:
    """Returns the lines of one session. Visitors who read reviews and fill their cart buy, mostly."""
    events = ["search", *choose.choices(["view", "review", "search", "cart"], k=choose.randint(1, 12))]
    gaps = [0.0, *(round(choose.expovariate(0.2), 1) for _ in events[1:])]
    wish = events.count("review") + 2 * events.count("cart") + choose.random()
    outcome = "bought" if wish > 3 else "left"
    head = f"# session {number} {outcome}"
    return [head, *(f"{gap} {event}" for gap, event in zip(gaps, events, strict=True))]


def main(folder: pathlib.Path) -> None:
    """Writes the files."""
    folder.mkdir(exist_ok=True)
    choose = random.Random(1)
    for day, name in enumerate(["monday", "tuesday"]):
        lines = [line for number in range(SESSIONS) for line in make_session(day * SESSIONS + number, choose)]
        (folder / f"{name}.log").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(__file__).parent / "data")
