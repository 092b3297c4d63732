"""A pipeline of two components that are done at once, and write noise in every way that libraries do."""

import json
import logging
import os
import pathlib
import subprocess
import time

from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, ModelBlessing, ModelEvaluation, PushedModel

from tfx_sequence.schemas.contract import PROGRESS_ATTRIBUTE, PROGRESS_LOGGER


class CorpusError(ValueError):
    """A mistake in the user's data."""


CorpusError.__module__ = "tfx_sequence.components.corpus"


@component
def Read(made: OutputArtifact[Examples]):
    pathlib.Path(made.uri).mkdir(parents=True, exist_ok=True)
    (pathlib.Path(made.uri) / "data").write_text("data")


@component
def Judge(
    made: InputArtifact[Examples],
    mode: Parameter[str],
    serving: Parameter[str],
    evaluation: OutputArtifact[ModelEvaluation],
    blessing: OutputArtifact[ModelBlessing],
    pushed: OutputArtifact[PushedModel],
):
    print("noise of Python")
    os.write(1, b"noise of C on 1\n")
    os.write(2, b"noise of C on 2\n")
    subprocess.run(["sh", "-c", "echo noise of a child; echo noise of a child >&2"], check=True)
    logger = logging.getLogger(PROGRESS_LOGGER)
    for epoch in (1, 2):
        logger.info(
            "epoch", extra={PROGRESS_ATTRIBUTE: {"epoch": epoch, "epochs": 2, "loss": 1 / epoch, "tokens": 12345}}
        )
    if mode == "fail":
        try:
            raise ValueError("9 columns")
        except ValueError as error:
            raise CorpusError("a.conllu, line 3: 9 columns [while running 'Read']") from error
    if mode == "interrupt":
        raise KeyboardInterrupt
    if mode == "exit":
        raise SystemExit(0)
    if mode == "sleep":
        time.sleep(120)
    for artifact in (evaluation, pushed):
        pathlib.Path(artifact.uri).mkdir(parents=True, exist_ok=True)
    (pathlib.Path(evaluation.uri) / "metrics.json").write_text(
        json.dumps({"test": {"accuracy": 0.9375, "steps": 8192}})
    )
    blessing.set_int_custom_property("blessed", int(mode != "bad"))
    if mode == "bad":
        return
    version = pathlib.Path(serving) / "17"
    version.mkdir(parents=True, exist_ok=True)
    pushed.set_string_custom_property("pushed_destination", str(version))


def make_pipeline(root, serving, mode="", cache=True):
    read = Read()
    judge = Judge(made=read.outputs["made"], mode=mode, serving=str(serving))
    return tfx.dsl.Pipeline(
        pipeline_name="tiny",
        pipeline_root=f"{root}/artifacts",
        components=[read, judge],
        enable_cache=cache,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{root}/m.sqlite"),
    )


def factory(mode=""):
    return lambda config: make_pipeline(config.pipeline.root, config.serving_dir, mode, config.pipeline.cache)
