"""Measures which share of its time the training of a big model spends on saving its state.

    python benchmarks/checkpoints.py [--gigabytes 3.2] [--minutes 5] [--interval 30]

An update is replaced by 50 ms of waiting. The state is as large as that of a model of a third of the size: it has the
weights and the two averages of Adam. It is saved to a temporary folder, which needs twice the space of a state.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import keras
import numpy as np

from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.state import TrainingState

UPDATE_SECONDS = 0.05
VARIABLES = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=3.2, help="the size of the state")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to train")
    parser.add_argument("--interval", type=float, default=30.0, help="`checkpoint_seconds`")
    options = parser.parse_args()
    values = int(options.gigabytes * 1e9 / 4 / VARIABLES)
    variables = [keras.Variable(np.ones(values, np.float32)) for _ in range(VARIABLES)]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = PeriodicCheckpoint(Checkpoint(folder, "key"), variables, [], options.interval)
        saves, seconds = train(checkpoint, 60 * options.minutes)
    longest = max(saves, default=0.0)
    print(
        f"{len(saves)} saves in {seconds:.0f} s, the longest took {longest:.1f} s: {sum(saves) / seconds:.1%} of time"
    )


def train(checkpoint: PeriodicCheckpoint, min_seconds: float) -> tuple[list[float], float]:
    """Trains for at least so many seconds. Returns the seconds that each save took, and those of the training."""
    start, saves = time.monotonic(), []
    while time.monotonic() - start < min_seconds:
        time.sleep(UPDATE_SECONDS)
        before = time.monotonic()
        checkpoint.save_if_due(TrainingState())
        after = time.monotonic()
        if after - before > UPDATE_SECONDS:  # A call that saves nothing takes microseconds.
            saves.append(after - before)
    return saves, time.monotonic() - start


if __name__ == "__main__":
    main()
