"""Measures what one long token costs in a training step, without and with the limit `max_characters`.

    python benchmarks/long_tokens.py [--characters 5000] [--tokens 2040] [--limits 5000 100]

The data: a batch of tokens of 1 to 12 letters, of which one has 5,000. The transform maps the tokens to the ids of
their characters, with the limit, and a training step computes the encoder of characters and its gradients. Each limit
is measured in a process of its own. A limit of 5,000 cuts nothing off, so it shows the cost without a limit. The memory
is what the process needs in addition to its memory before the steps.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import time

STEPS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=5000, help="the length of the longest token")
    parser.add_argument("--tokens", type=int, default=2040, help="the number of tokens in the batch")
    parser.add_argument("--limits", type=int, nargs="+", default=[5000, 100], help="values of `max_characters`")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.tokens, options.characters, *options.limits)
        return
    print(f"{'max_characters':>14} {'seconds a step':>14} {'memory, MB':>10}", flush=True)
    for limit in options.limits:
        sizes = [f"--tokens={options.tokens}", f"--characters={options.characters}", f"--limits={limit}"]
        subprocess.run([sys.executable, __file__, "--child", *sizes], check=True)


def measure(tokens: int, longest: int, limit: int) -> None:
    """Prints the seconds and the memory of a training step with one value of `max_characters`."""
    import tensorflow as tf

    from tfx_sequence.components.sequence_trainer import CharacterConfig, NestedEncoder

    ids = make_character_ids(tokens, longest, limit)
    encoder = NestedEncoder(ids.max_id + 1, CharacterConfig(), random.Random(1))

    @tf.function
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            encoded = encoder(ids.padded, ids.counts, ids.lengths, training=True)
            loss = tf.reduce_sum(encoded**2)
        return tape.gradient(loss, encoder.trainable_variables)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    start = time.monotonic()
    for _ in range(STEPS):
        step()
    seconds = (time.monotonic() - start) / STEPS
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    print(f"{limit:>14} {seconds:>14.2f} {megabytes:>10.0f}", flush=True)


class CharacterIds:
    """The ids of the characters of one record.

    Attributes:
      padded: int64 `[1, T, C]`.
      counts: The number of characters of each token, int64 `[1, T]`.
      lengths: The number of tokens, int64 `[1]`.
      max_id: The largest id.
    """

    def __init__(self, tokens: list[str], limit: int) -> None:
        import tensorflow as tf

        from tfx_sequence.components.sequence_transform import VocabularyConfig, preprocess
        from tfx_sequence.schemas.spec import Feature, SequenceSpec

        spec = SequenceSpec(features={"tokens": Feature(kind="token")})
        # Hashed ids need no pass over the data.
        settings = VocabularyConfig(hash_buckets=100, characters=True, max_characters=limit)
        raw = tf.ragged.constant([[[token] for token in tokens]], ragged_rank=2, row_splits_dtype=tf.int64)
        ids = preprocess({"tokens": raw}, spec, {"tokens": settings})["tokens_characters"]
        self.padded = ids.to_tensor()
        self.counts = ids.values.row_lengths()[tf.newaxis]
        self.lengths = ids.row_lengths()
        self.max_id = 101


def make_character_ids(tokens: int, longest: int, limit: int) -> CharacterIds:
    """Draws the tokens, and transforms them to the ids of their characters."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    drawn = ["".join(rng.choices(letters, k=rng.randint(1, 12))) for _ in range(tokens - 1)]
    return CharacterIds([*drawn, "".join(rng.choices(letters, k=longest))], limit)


if __name__ == "__main__":
    main()
