"""Runs one of the pipelines here, on data that it makes.

    python examples/stock_pipeline/run.py sequence_schema_gen

Each of the files `sequence_*.py` is a pipeline with one component of tfx-sequence. All others are stock TFX's, and the
functions in user_code.py are the user's.
"""

from __future__ import annotations

import importlib
import pathlib
import sys

import stock
from tfx import v1 as tfx


def make_pipeline(name: str, folder: pathlib.Path) -> tfx.dsl.Pipeline:
    """Returns the pipeline of a file, on data that is made if it is not there."""
    data = folder / "data"
    if not data.exists():
        stock.make_data(data)
    return tfx.dsl.Pipeline(
        pipeline_name="stock_pipeline",
        pipeline_root=str(folder / "artifacts"),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
        components=importlib.import_module(name).make_components(str(data), str(folder / "serving" / name)),
        # What the pipelines have in common runs once.
        enable_cache=True,
        beam_pipeline_args=[
            "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
            # No container is used; without this TFX packs itself for every component that runs Beam.
            "--sdk_container_image=none",
        ],
    )


def run(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Runs a pipeline in a folder. Returns the folder of the model that it pushed."""
    tfx.orchestration.LocalDagRunner().run(make_pipeline(name, folder))
    return max((folder / "serving" / name).iterdir(), key=lambda version: int(version.name))


if __name__ == "__main__":
    print("pushed to", run(sys.argv[1], pathlib.Path(__file__).parent / "runs"))
