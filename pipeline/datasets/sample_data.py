"""Makes up requests to a home, labelled with slots and intents: data for a project to begin with."""

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
"""Intent to requests; words in braces are slots."""

_VALUES = {
    "date": ["today", "tomorrow", "on monday", "on friday", "next week", "on the first of may"],
    "genre": ["jazz", "hip hop", "baroque music", "folk", "rock", "piano music"],
    "place": ["Ankara", "Berlin", "New York", "Rio de Janeiro", "Oslo", "Cape Town"],
    "room": ["kitchen", "living room", "hall", "bath", "guest room"],
    "state": ["on", "off"],
    "time": ["seven", "half past six", "noon", "ten to nine", "eight o'clock"],
}
_SLOT = re.compile(r"{(\w+)}")


def make_sample_files(sizes: dict[str, int], seed: int = 1) -> dict[str, str]:
    """Returns JSON Lines of requests, with a BIO tag for each word and an intent.

    Args:
      sizes: Split name to number of requests.
      seed: Equal seeds give equal files.

    Returns:
      File name, `<split>.jsonl`, to its text.
    """
    generator = random.Random(seed)
    files = {}
    for split, size in sizes.items():
        lines = [json.dumps(_make_request(generator)) + "\n" for _ in range(size)]
        files[f"{split}.jsonl"] = "".join(lines)
    return files


def _make_request(generator: random.Random) -> dict[str, object]:
    """Fills a pattern: `light {state}` becomes words `light`, `on` with slots `O`, `B-state`."""
    intent = generator.choice(list(_PATTERNS))
    words: list[str] = []
    slots: list[str] = []
    for part in generator.choice(_PATTERNS[intent]).split():
        match = _SLOT.fullmatch(part)
        if match is None:
            words.append(part)
            slots.append("O")
            continue
        name = match[1]
        value = generator.choice(_VALUES[name]).split()
        words += value
        slots += [f"B-{name}", *[f"I-{name}"] * (len(value) - 1)]
    return {"words": words, "slots": slots, "intent": intent}
