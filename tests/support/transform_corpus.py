"""Records with every kind of feature, and with the values that break a careless vocabulary."""

import random

import numpy as np

from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "lemmas": Feature(kind="token"),
        "counts": Feature(kind="integer"),
        "scores": Feature(kind="float"),
        "vectors": Feature(kind="vector", width=3),
        "notes": Feature(kind="token", role="carried"),
        "tags": Feature(kind="categorical", role="label"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "origin": Feature(kind="categorical", context=True),
        "year": Feature(kind="integer", context=True),
        "age": Feature(kind="float", context=True),
        "point": Feature(kind="vector", width=2, context=True),
        "id": Feature(kind="token", role="key", context=True),
    },
    min_length=0,
)

NASTY = [
    *("<pad>", "[PAD]", "[OOV]", "<unk>", "0", "-1", "", " ", "  two  ", "trailing ", "\ttab\t", "nul\0nul", "\0"),
    *("\n", "\r", "\r\n", "a\nb", "a\rb", "\\", "\\\\", "\\n", "\\r", "\\0", "\\\n", "\n\\0", "a\\", "\\1", "\\\\n"),
    *("\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\ufeff", "e\u0301", "\u00e9"),
    *("\U0001f600", "\U0001f600x\U0001f601", "x" * 300),
]
"""Values of `tokens` in training."""

UNSEEN = ["unseen", "<PAD>", "\\t", "\n\n", "\U0001f602", " 0"]
"""Values of `tokens` that do not occur in training, only in other splits."""

# Letters whose lower case depends on the locale or the position (final sigma), or is longer than they are.
_LEMMAS = ["the", "The", "THE", "I", "\u0130", "i", "\u0131", "STRA\u00dfE", "\u03a3\u0391\u03a3", "\u03c3\u03b1\u03c2"]


def records(split, size):
    """The records of a split. The first holds every value of `tokens`, the fourth has no step."""
    rng = random.Random(split)
    pool = NASTY if split == "train" else NASTY + UNSEEN
    out = []
    for number in range(size):
        length = {0: len(pool), 3: 0}.get(number, rng.randint(1, 9))
        floats = np.random.default_rng(number).normal(size=(length, 4)).astype(np.float32)
        out.append(
            {
                "tokens": rng.sample(pool, k=length) if number == 0 else rng.choices(pool, k=length),
                "lemmas": rng.choices(_LEMMAS, weights=range(1, len(_LEMMAS) + 1), k=length),
                "counts": rng.choices([0, 1, -1, 127, 128, 300, 2**63 - 1, -(2**63)], k=length),
                "scores": floats[:, 0],
                "vectors": floats[:, 1:],
                "notes": rng.choices(NASTY, k=length),
                "tags": rng.choices(["NOUN", "VERB", "", "<pad>"], k=length),
                "intent": ["buy", "sell", "0"][number % 3],
                "origin": ["web", "wiki", "\n"][number % 3],
                "year": -number,
                "age": number / 7,
                "point": [number / 3, -1.5],
                "id": f"{split}-{number}",
            }
        )
    return out


RECORDS = {"train": records("train", 40), "eval": records("eval", 8), "test": records("test", 8)}
