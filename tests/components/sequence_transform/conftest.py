"""Runs of the executor on records, with artifacts made by hand and Beam's own runner."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from support import transform_corpus
from support.raw_records import BEAM_ARGS
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import io_utils

from tfx_sequence.components.sequence_transform import SequenceTransform, VocabularyConfig
from tfx_sequence.components.sequence_transform.executor import Executor
from tfx_sequence.schemas.records.examples import Encoder, decode
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema, to_schema

_FORMAT = example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE

SETTINGS = {
    "tokens": VocabularyConfig(affixes=(2,)),
    "lemmas": VocabularyConfig(lowercase=True, min_count=30, max_size=3),
}


class Run:
    """A folder in which the executor runs, and what it wrote there.

    Attributes:
      inputs: The artifacts that it read, by channel.
      outputs: The artifacts that it wrote, by channel.
    """

    def __init__(self, folder: Path, spec: SequenceSpec, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        self.settings = settings
        schema = standard_artifacts.Schema()
        schema.uri = str(folder / "schema")
        io_utils.write_pbtxt_file(f"{schema.uri}/schema.pbtxt", to_schema(spec))
        self._encoder = Encoder(spec)
        self.inputs: dict[str, list[types.Artifact]] = {"examples": [], "schema": [schema]}
        self.outputs: dict[str, list[types.Artifact]] = {}

    def add_examples(self, records: Mapping[str, Sequence[Any]], payload_format: int = _FORMAT) -> None:
        """Writes records, or bytes, by split as one more span of the input."""
        artifact = standard_artifacts.Examples()
        artifact.span = len(self.inputs["examples"])
        artifact.uri = str(self._folder / f"examples-{artifact.span}")
        artifact.split_names = json.dumps(list(records))
        examples_utils.set_payload_format(artifact, payload_format)
        for split, rows in records.items():
            path = Path(artifact.uri, f"Split-{split}", "data-00000-of-00001.gz")
            path.parent.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for row in rows:
                    writer.write(row if isinstance(row, bytes) else self._encoder.encode(row))
        self.inputs["examples"].append(artifact)

    def do(self) -> None:
        """What a launcher does: the executor with the properties that the component made."""
        channels = {name: channel_utils.as_channel(artifacts) for name, artifacts in self.inputs.items()}
        component = SequenceTransform(**channels, **self.settings)
        for name, channel in component.outputs.items():
            count = len(self.inputs["examples"]) if name == "transformed_examples" else 1
            self.outputs[name] = [channel.type() for _ in range(count)]
            for number, artifact in enumerate(self.outputs[name]):
                artifact.uri = str(self._folder / name / str(number))
                Path(artifact.uri).mkdir(parents=True)
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=BEAM_ARGS, tmp_dir=str(self._folder / "tmp"), unique_id="1"
        )
        Executor(context).Do(self.inputs, self.outputs, component.exec_properties)

    @property
    def graph(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(self.outputs["transform_graph"][0].uri)

    @property
    def spec(self) -> SequenceSpec:
        """Of the transformed examples, read from the graph's schema as the trainer does."""
        return from_schema(self.graph.transformed_metadata.schema)

    def files(self, split: str, span: int = 0) -> list[str]:
        artifact = self.outputs["transformed_examples"][span]
        return sorted(map(str, Path(artifact.uri, f"Split-{split}").iterdir()))

    def raw(self, split: str) -> list[bytes]:
        """The input records."""
        names = [str(path) for path in Path(self.inputs["examples"][0].uri, f"Split-{split}").iterdir()]
        return list(tf.data.TFRecordDataset(names, "GZIP").as_numpy_iterator())

    def serialized(self, split: str, span: int = 0) -> list[bytes]:
        """The transformed records."""
        return list(tf.data.TFRecordDataset(self.files(split, span), "GZIP").as_numpy_iterator())

    def examples(self, split: str) -> list[tf.train.SequenceExample]:
        """The transformed records, parsed."""
        return [tf.train.SequenceExample.FromString(data) for data in self.serialized(split)]

    def records(self, split: str, span: int = 0) -> dict[str, dict[str, Any]]:
        """The transformed records by their `id`."""
        rows = [decode(self.spec, data) for data in self.serialized(split, span)]
        return {row["id"]: row for row in rows}


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Makes a Run in a folder of its own: `make_run(spec, records, **arguments of SequenceTransform)`."""

    def make(spec: SequenceSpec, *spans: Mapping[str, Sequence[Any]], **settings: Any) -> Run:
        run = Run(tmp_path_factory.mktemp("transform"), spec, settings)
        for records in spans:
            run.add_examples(records)
        return run

    return make


@pytest.fixture(scope="session")
def transformed(make_run: Callable[..., Run]) -> Run:
    """The corpus, transformed: the one long run that most tests look at."""
    run = make_run(transform_corpus.SPEC, transform_corpus.RECORDS, transform=SETTINGS)
    run.do()
    return run
