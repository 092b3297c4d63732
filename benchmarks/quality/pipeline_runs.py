"""Runs the pipeline of a config once a seed, by the product's own path, and measures each exported model.

The data's part of the pipeline (reading, checking, the transform) runs once; later seeds reuse it, as TFX does.
"""

from __future__ import annotations

import argparse
import glob
import logging
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import absl.logging
import tensorflow as tf
import tensorflow_transform as tft
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from tfx_sequence.pipeline.config.tables import FOLDER, Config
from tfx_sequence.pipeline.pipeline import create_pipeline
from tfx_sequence.schemas.vocabulary import read_vocabulary

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PROGRESS = logging.getLogger("tfx_sequence.progress")

_BATCH = 64

Figures = dict[str, Any]
"""What training reports of an epoch."""

Measure = Callable[[Config, list[Figures]], dict[str, float]]
"""Figures of the model that the pipeline of a config has pushed, and whose training went through these epochs."""


def main(config_file: str, measure: Measure, description: str) -> None:
    """Runs the seeds that the command line asks for, and prints what came of each and their means."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", help="the folder that holds the data, if it is none of an installed package")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--work", help="the folder that runs go to; a temporary one if not given")
    arguments = parser.parse_args()
    absl.logging.set_verbosity(absl.logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        found = []
        for seed in arguments.seeds:
            config = load(config_file, arguments.data, arguments.work or temporary, seed)
            start = time.monotonic()
            with _Reports() as reports:
                LocalDagRunner().run(create_pipeline(config))
            seconds = time.monotonic() - start
            found.append(measure(config, reports.figures))
            print(f"seed {seed}: {_shown(found[-1])}, {seconds:.0f} s from the files to the pushed model", flush=True)
        if len(found) > 1:
            means = {name: statistics.mean(figures[name] for figures in found) for name in found[0]}
            print(f"mean of {len(found)} seeds: {_shown(means)}")


def load(config_file: str, data: str | None, work: str, seed: int) -> Config:
    """The config of a file, with its data below `data`, its runs below `work`, and a seed of its own."""
    tables: dict[str, Any] = tomllib.loads(pathlib.Path(config_file).read_text(encoding="utf-8"))
    folder = os.path.abspath(data or ".")
    tables["pipeline"]["root"] = os.path.join(os.path.abspath(work), tables["pipeline"]["name"])
    tables.setdefault("training", {})["seed"] = seed
    return Config.model_validate(tables, context={FOLDER: folder})


def answers(config: Config, split: str) -> Iterator[tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]]:
    """What the pushed model answers for the records of a split, and their labels' ids, batch by batch."""
    version = max(os.listdir(config.serving_dir), key=int)
    model = tf.saved_model.load(os.path.join(config.serving_dir, version))
    pattern = os.path.join(config.pipeline.artifacts_dir, "SequenceExampleGen", "examples", "*", f"Split-{split}", "*")
    for records in tf.data.TFRecordDataset(sorted(glob.glob(pattern)), "GZIP").batch(_BATCH):
        labels = model.signatures["transformed_labels"](examples=records)
        yield model.signatures["serving_default"](examples=records), labels


def values(config: Config, feature: str) -> list[str]:
    """The values of a feature, in the order of their ids from 1."""
    graphs = os.path.join(config.pipeline.artifacts_dir, "SequenceTransform", "transform_graph")
    newest = max(os.listdir(graphs), key=int)
    vocabulary = read_vocabulary(tft.TFTransformOutput(os.path.join(graphs, newest)), feature)
    assert vocabulary is not None
    return [value.decode() for value in vocabulary.names]


class _Reports(logging.Handler):
    """Keeps what training reports, as long as it is entered."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.figures: list[Figures] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.figures.append(getattr(record, "progress", {}))

    def __enter__(self) -> _Reports:
        _PROGRESS.setLevel(logging.INFO)
        _PROGRESS.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        _PROGRESS.removeHandler(self)


def _shown(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
