"""Generates sample data for a new project: requests to a smart home, labelled with slots and intents."""

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
"""Intent to patterns of requests. A word in braces is the name of a slot, which is replaced by a value of the slot."""

_VALUES = {
    "date": ["today", "tomorrow", "on monday", "on friday", "next week", "on the first of may"],
    "genre": ["jazz", "hip hop", "baroque music", "folk", "rock", "piano music"],
    "place": ["Ankara", "Berlin", "New York", "Rio de Janeiro", "Oslo", "Cape Town"],
    "room": ["kitchen", "living room", "hall", "bath", "guest room"],
    "state": ["on", "off"],
    "time": ["seven", "half past six", "noon", "ten to nine", "eight o'clock"],
}
"""Slot to its values."""

_SLOT = re.compile(r"{(\w+)}")


def make_sample_files(sizes: dict[str, int], seed: int = 1) -> dict[str, str]:
    """Returns files of requests. Each request has one BIO tag per word, and an intent.

    Args:
      sizes: Split name to number of requests.
      seed: The seed of the random generator. Equal seeds result in equal files.

    Returns:
      File name, `<split>.jsonl`, to text, with one JSON object per line.
    """
    generator = random.Random(seed)
    files = {}
    for split, size in sizes.items():
        lines = [json.dumps(_make_request(generator)) + "\n" for _ in range(size)]
        files[f"{split}.jsonl"] = "".join(lines)
    return files


def _make_request(generator: random.Random) -> dict[str, object]:
    """Fills a random pattern. `light {state}` results in the words `light`, `on` with the slots `O`, `B-state`."""
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
