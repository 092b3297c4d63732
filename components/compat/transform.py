"""Extends stock Transform by public hooks, which replace the private methods that a subclass would have to override."""

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

from tfx_sequence.components.compat import replace_attribute


class TransformExecutor(stock.Executor):
    """Stock Transform's executor, with a hook for the `custom_config` of a preprocessing_fn."""

    def extend_custom_config(self, config: dict[str, Any], schema_path: str) -> dict[str, Any]:
        """Returns the `custom_config` that the preprocessing_fn receives.

        Args:
          config: The `custom_config` of the component.
          schema_path: The path of the raw schema.
        """
        return config

    def _GetPreprocessingFn(self, inputs: Mapping[str, Any], unused_outputs: Mapping[str, Any]) -> Callable[..., Any]:
        config = json.loads(value_utils.GetSoleValue(inputs, labels.CUSTOM_CONFIG, strict=False) or "null") or {}
        config = self.extend_custom_config(config, find_schema(inputs))
        # The stock method binds the `custom_config` of its inputs to the user's function.
        preprocessing_fn: Callable[..., Any] = super()._GetPreprocessingFn(
            {**inputs, labels.CUSTOM_CONFIG: json.dumps(config)}, unused_outputs
        )
        return preprocessing_fn


class TransformProcessor(stock.TransformProcessor):
    """Stock Transform's processor, with hooks for the format of its data.

    By default, each hook does the same as stock Transform. Subclasses override the hooks.
    """

    def read_schema(self, path: str) -> schema_pb2.Schema:
        """Reads the schema of the raw examples."""
        return super()._GetSchema(path)

    def make_reader(self, stock_reader: Any, file_pattern: str, schema: schema_pb2.Schema) -> tfxio.TFXIO:
        """Makes the reader of the raw examples of one dataset.

        Args:
          stock_reader: The reader that stock Transform would use.
          file_pattern: The pattern of the files' paths.
          schema: The schema that `read_schema` returned.
        """
        return stock_reader

    def make_writer(self, schema: schema_pb2.Schema, path_prefix: str) -> beam.PTransform:
        """Makes the Beam transform that writes pairs of a transformed RecordBatch and the features passed through.

        Args:
          schema: The transformed schema as TFT infers it.
          path_prefix: The beginning of the paths of all files.
        """
        return super()._EncodeAndWrite(schema, labels.FORMAT_TFRECORD, path_prefix)

    def make_written_schema(self, schema: schema_pb2.Schema) -> schema_pb2.Schema:
        """Makes the schema of the written files, from the transformed schema as TFT infers it."""
        return schema

    def make_batch_converter(self, schema: schema_pb2.Schema) -> beam.PTransform | None:
        """Makes the Beam transform that gives RecordBatches the columns of the written schema.

        The result is None if the columns are the same.
        """
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
        # Stock Transform calls this for the raw and for the transformed data. It validates only the transformed data.
        is_transformed = enable_validation
        batch_converter = None
        if is_transformed:
            batch_converter = self.make_batch_converter(stats_options.schema)
            stats_options.schema = self.make_written_schema(stats_options.schema)
        statistics = super()._GenerateAndMaybeValidateStats(
            stats_output_loc, stats_options=stats_options, enable_validation=enable_validation
        )
        return statistics if batch_converter is None else batch_converter | statistics


def find_schema(inputs: Mapping[str, Any]) -> str:
    """Returns the path of the raw schema among the inputs of a processor."""
    return str(value_utils.GetSoleValue(inputs, labels.SCHEMA_PATH_LABEL))


def find_transform_graph(outputs: Mapping[str, Any]) -> str:
    """Returns the folder of the transform graph among the outputs of a processor."""
    return str(value_utils.GetSoleValue(outputs, labels.TRANSFORM_METADATA_OUTPUT_PATH_LABEL))


def find_transformed_schema(outputs: Mapping[str, Any]) -> str | None:
    """Returns the folder of the schema beside the statistics; None if no statistics are computed."""
    folder = value_utils.GetSoleValue(outputs, labels.POST_TRANSFORM_OUTPUT_SCHEMA_PATH_LABEL, strict=False)
    return str(folder) if folder else None


def replace_processor(processor: type[TransformProcessor]) -> contextlib.AbstractContextManager[None]:
    """Makes the stock executor use another processor inside the `with` block.

    `Executor.Do` finds the class `TransformProcessor` by its name in the stock module. It has no parameter for it.
    """
    return replace_attribute(stock, "TransformProcessor", processor)


@contextlib.contextmanager
def keep_data_between_phases() -> Iterator[None]:
    """Makes TFT 1.16 keep its data in Beam between two phases of analysis instead of reading the data again.

    To read the data again, TFT copies parts of Beam's graph. Since Beam 2.63, the constructor that TFT uses for this
    needs more arguments. TFT 1.21 passes them, but TFT 1.16 does not. So with TFT 1.16, an analysis of two phases would
    fail, for example the deviation of numbers whose gaps are filled with a mean.
    """
    if not tft.__version__.startswith("1.16."):
        yield
        return
    # The function returns the collection itself instead of a copy.
    with replace_attribute(deep_copy, "deep_copy", lambda collection: collection):
        yield
