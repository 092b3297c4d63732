"""Made-up requests to a home, with the slots of their words and their intent: data for a project to begin with."""

from __future__ import annotations

import json
import random
import re

_PATTERNS = {
    "alarm": ["wake me at {time}", "set an alarm for {time} {date}", "{date} i have to get up at {time}"],
    "light": ["turn the light in the {room} {state}", "light {state} in the {room}", "is the {room} light {state}"],
    "music": ["play some {genre} in the {room}", "i would like to hear {genre}", "more {genre} please"],
    "weather": [
        "how is the weather in {place}",
        "will it rain in {place} {date}",
        "do i need a coat in {place} {date}",
    ],
}
_VALUES = {
    "date": ["today", "tomorrow", "on monday", "on friday", "next week", "on the first of may"],
    "genre": ["jazz", "hip hop", "baroque music", "folk", "rock", "piano music"],
    "place": ["Ankara", "Berlin", "New York", "Rio de Janeiro", "Oslo", "Cape Town"],
    "room": ["kitchen", "living room", "hall", "bath", "guest room"],
    "state": ["on", "off"],
    "time": ["seven", "half past six", "noon", "ten to nine", "eight o'clock"],
}
_SLOT = re.compile(r"{(\w+)}")


def sample_files(sizes: dict[str, int], seed: int = 1) -> dict[str, str]:
    """JSON Lines of requests: words, one BIO tag each, and the intent.

    Args:
      sizes: Split name to how many requests it has.
      seed: Equal seeds give equal files.

    Returns:
      File name, `<split>.jsonl`, to its text.
    """
    choose = random.Random(seed)
    return {
        f"{split}.jsonl": "".join(json.dumps(_request(choose)) + "\n" for _ in range(size))
        for split, size in sizes.items()
    }


def _request(choose: random.Random) -> dict[str, object]:
    intent = choose.choice(list(_PATTERNS))
    words: list[str] = []
    slots: list[str] = []
    for part in choose.choice(_PATTERNS[intent]).split():
        match = _SLOT.fullmatch(part)
        value = choose.choice(_VALUES[match[1]]).split() if match else [part]
        words += value
        slots += [f"{'I' if i else 'B'}-{match[1]}" for i in range(len(value))] if match else ["O"]
    return {"words": words, "slots": slots, "intent": intent}
