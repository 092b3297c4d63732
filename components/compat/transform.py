"""Stock Transform, with hooks in place of the private methods that have to be overridden to extend it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.beam import deep_copy
from tfx.components.transform import executor as stock
from tfx.components.transform import labels
from tfx.components.util import value_utils
from tfx_bsl.public import tfxio

from tfx_sequence.components.compat import replaced


class TransformExecutor(stock.Executor):
    """Stock Transform's executor, with a hook for the `custom_config` of a preprocessing_fn."""

    def extend_custom_config(self, config: dict[str, Any], schema_path: str) -> dict[str, Any]:
        """Returns the `custom_config` that a preprocessing_fn gets, from the one that the component was given."""
        return config

    def _GetPreprocessingFn(self, inputs: Mapping[str, Any], unused_outputs: Mapping[str, Any]) -> Callable[..., Any]:
        config = json.loads(value_utils.GetSoleValue(inputs, labels.CUSTOM_CONFIG, strict=False) or "null") or {}
        config = self.extend_custom_config(config, find_schema(inputs))
        preprocessing_fn: Callable[..., Any] = super()._GetPreprocessingFn(
            {**inputs, labels.CUSTOM_CONFIG: json.dumps(config)}, unused_outputs
        )
        return preprocessing_fn


class TransformProcessor(stock.TransformProcessor):
    """Stock Transform's work between reading and writing, with hooks for the form of its data.

    The hooks do what stock does; a subclass overrides them.
    """

    def read_schema(self, path: str) -> schema_pb2.Schema:
        """Reads the schema of the raw examples."""
        return super()._GetSchema(path)

    def make_reader(self, stock_reader: Any, file_pattern: str, schema: schema_pb2.Schema) -> tfxio.TFXIO:
        """Makes what reads the raw examples of one dataset.

        Args:
          stock_reader: The reader that stock would use.
          file_pattern: The files.
          schema: What `read_schema` returned.
        """
        return stock_reader

    def make_writer(self, schema: schema_pb2.Schema, path_prefix: str) -> beam.PTransform:
        """Makes the transform that writes pairs of a transformed RecordBatch and what was passed through.

        Args:
          schema: The transformed schema as TFT infers it.
          path_prefix: What the paths of the files begin with.
        """
        return super()._EncodeAndWrite(schema, labels.FORMAT_TFRECORD, path_prefix)

    def written_schema(self, schema: schema_pb2.Schema) -> schema_pb2.Schema:
        """Returns the schema of what is written, from the transformed schema as TFT infers it."""
        return schema

    def to_written_form(self, schema: schema_pb2.Schema) -> beam.PTransform | None:
        """Makes the transform that gives RecordBatches the columns of `written_schema`; None if they have them."""
        return None

    def _GetSchema(self, schema_path: str) -> schema_pb2.Schema:
        return self.read_schema(schema_path)

    def _CreateTFXIO(self, dataset: Any, schema: schema_pb2.Schema) -> tfxio.TFXIO:
        return self.make_reader(super()._CreateTFXIO(dataset, schema), dataset.file_pattern, schema)

    def _EncodeAndWrite(self, schema: schema_pb2.Schema, file_format: str, output_path: str) -> beam.PTransform:
        if file_format != labels.FORMAT_TFRECORD:
            raise ValueError(f"SequenceTransform writes {labels.FORMAT_TFRECORD}, not {file_format}")
        return self.make_writer(schema, output_path)

    def _GenerateAndMaybeValidateStats(
        self, stats_output_loc: Any, stats_options: Any, enable_validation: bool
    ) -> beam.PTransform:
        make_statistics = super()._GenerateAndMaybeValidateStats
        # Stock validates the transformed data and no other, so this flag is how the two are told apart.
        is_transformed = enable_validation
        to_written_form = None
        if is_transformed:
            to_written_form = self.to_written_form(stats_options.schema)
            stats_options.schema = self.written_schema(stats_options.schema)
        statistics = make_statistics(stats_output_loc, stats_options=stats_options, enable_validation=enable_validation)
        return statistics if to_written_form is None else to_written_form | statistics


def find_schema(inputs: Mapping[str, Any]) -> str:
    """Returns the path of the raw schema among the inputs of a processor."""
    return str(value_utils.GetSoleValue(inputs, labels.SCHEMA_PATH_LABEL))


def find_transform_graph(outputs: Mapping[str, Any]) -> str:
    """Returns the folder of the transform graph among the outputs of a processor."""
    return str(value_utils.GetSoleValue(outputs, labels.TRANSFORM_METADATA_OUTPUT_PATH_LABEL))


def find_transformed_schema(outputs: Mapping[str, Any]) -> str | None:
    """Returns the folder of the schema beside the statistics; None if no statistics are taken."""
    folder = value_utils.GetSoleValue(outputs, labels.POST_TRANSFORM_OUTPUT_SCHEMA_PATH_LABEL, strict=False)
    return str(folder) if folder else None


def replaced_processor(processor: type[TransformProcessor]) -> contextlib.AbstractContextManager[None]:
    """Has stock's executor work with another processor until the block ends.

    `Executor.Do` makes a `TransformProcessor` by its name in stock's module; there is no other place to hand one in.
    """
    return replaced(stock, "TransformProcessor", processor)


@contextlib.contextmanager
def data_kept_between_phases() -> Iterator[None]:
    """Has TFT 1.16 keep its data in Beam between two phases of analysis, in place of reading it anew.

    To read it anew, TFT copies parts of Beam's graph, by a constructor that takes more arguments since Beam 2.63; TFT
    1.21 passes them. In 1.16 whatever needs two phases (a mean, then the deviation of what it fills) would fail.
    """
    if not tft.__version__.startswith("1.16."):
        yield
        return
    with replaced(deep_copy, "deep_copy", lambda collection: collection):
        yield
