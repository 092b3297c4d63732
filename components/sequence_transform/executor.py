"""Stock Transform's executor, with SequenceExamples in and SequenceExamples out."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.beam import deep_copy
from tfx import types
from tfx.components.transform import executor as stock
from tfx.components.transform import labels
from tfx.components.util import examples_utils, value_utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx_bsl.tfxio import tfxio

from tfx_sequence.components.sequence_transform.config import Settings, transformed_spec
from tfx_sequence.components.sequence_transform.embeddings import write_embeddings
from tfx_sequence.components.sequence_transform.records.batch_coder import compressed_batches
from tfx_sequence.components.sequence_transform.records.flat_batch import to_flat
from tfx_sequence.components.sequence_transform.records.reading import SequenceRecord
from tfx_sequence.components.sequence_transform.records.record_batch import to_struct
from tfx_sequence.components.sequence_transform.records.writing import WriteSequenceExamples
from tfx_sequence.components.sequence_transform.transformed_schema import layout_of, to_sequence_schema, with_roles
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG, from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, parse_schema

_SEQUENCE_EXAMPLE = example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE


class Executor(stock.Executor):
    """Stock's executor; what is ours is which preprocessing_fn runs, and the form of what is written."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs Transform.

        Raises:
          ValueError: if the examples are not SequenceExamples.
          SchemaError: if the schema is not one of sequences.
        """
        for artifact in input_dict[standard_component_specs.EXAMPLES_KEY]:
            given = examples_utils.get_payload_format(artifact)
            if given != _SEQUENCE_EXAMPLE:
                name = example_gen_pb2.PayloadFormat.Name(given)
                raise ValueError(
                    f"SequenceTransform reads FORMAT_TF_SEQUENCE_EXAMPLE, but the examples in {artifact.uri} are "
                    f"marked {name}. If they are SequenceExamples, have ExampleGen say so (output_data_format)"
                )
        settings = _read_settings(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY))
        # Stock's Do makes a TransformProcessor by its name in stock's module; there is no other place to hand in ours.
        name = "TransformProcessor"
        processor = type(name, (SequenceTransformProcessor,), {"settings": settings})
        with mock.patch.object(stock, name, processor), compressed_batches(), _without_copies():
            super().Do(input_dict, output_dict, exec_properties)
        written = example_gen_pb2.FORMAT_TF_EXAMPLE if settings.flat else _SEQUENCE_EXAMPLE
        for artifact in output_dict.get(standard_component_specs.TRANSFORMED_EXAMPLES_KEY) or []:
            examples_utils.set_payload_format(artifact, written)
        (graph,) = output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        write_embeddings(graph.uri, settings.transform)

    def _GetPreprocessingFn(self, inputs: Mapping[str, Any], unused_outputs: Mapping[str, Any]) -> Callable[..., Any]:
        """Stock's, with the schema's spec added to the `custom_config` that a preprocessing_fn may ask for."""
        config = json.loads(value_utils.GetSoleValue(inputs, labels.CUSTOM_CONFIG, strict=False) or "null") or {}
        spec = _read_spec(value_utils.GetSoleValue(inputs, labels.SCHEMA_PATH_LABEL))
        if spec is not None:
            config[contract.SEQUENCE_SPEC] = spec.to_json()
        fn: Callable[..., Any] = super()._GetPreprocessingFn(
            {**inputs, labels.CUSTOM_CONFIG: json.dumps(config)}, unused_outputs
        )
        return fn


class SequenceTransformProcessor(stock.TransformProcessor):
    """Stock's work between reading and writing, with the transformed data in the form of SequenceExamples."""

    settings = Settings()

    def Transform(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], status_file: str | None = None) -> None:
        """Runs stock's Transform, then writes the schema of what was written where stock wrote that of flat data."""
        raw = _read_spec(value_utils.GetSoleValue(inputs, labels.SCHEMA_PATH_LABEL))
        self._spec = raw and transformed_spec(raw, self.settings.transform, self.settings.max_steps)
        super().Transform(inputs, outputs, status_file)
        graph = value_utils.GetSoleValue(outputs, labels.TRANSFORM_METADATA_OUTPUT_PATH_LABEL)
        path = os.path.join(graph, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR, contract.SCHEMA_FILE)
        schema = self._written(_read_schema(path))
        io_utils.write_pbtxt_file(path, schema)
        # Stock wrote this one before the analysis, without the number of ids.
        folder = value_utils.GetSoleValue(outputs, labels.POST_TRANSFORM_OUTPUT_SCHEMA_PATH_LABEL, strict=False)
        if folder:
            io_utils.write_pbtxt_file(os.path.join(folder, contract.SCHEMA_FILE), schema)

    def _GetSchema(self, schema_path: str) -> schema_pb2.Schema:
        schema = _read_schema(schema_path)
        if not schema.tensor_representation_group:  # Stock SchemaGen writes none.
            representations = to_schema(from_schema(schema)).tensor_representation_group[""]
            schema.tensor_representation_group[""].CopyFrom(representations)
        return schema

    def _CreateTFXIO(self, dataset: Any, schema: schema_pb2.Schema) -> tfxio.TFXIO:
        reader = super()._CreateTFXIO(dataset, schema)
        return SequenceRecord(dataset.file_pattern, reader.telemetry_descriptors, schema=schema)

    def _EncodeAndWrite(self, schema: schema_pb2.Schema, file_format: str, output_path: str) -> beam.PTransform:
        if file_format != labels.FORMAT_TFRECORD:
            raise ValueError(f"SequenceTransform writes {labels.FORMAT_TFRECORD}, not {file_format}")
        if self.settings.flat:
            return super()._EncodeAndWrite(schema, file_format, output_path)
        return beam.Keys() | "WriteSequenceExamples" >> WriteSequenceExamples(layout_of(schema), output_path)

    def _GenerateAndMaybeValidateStats(
        self, stats_output_loc: Any, stats_options: Any, enable_validation: bool
    ) -> beam.PTransform:
        write = super()._GenerateAndMaybeValidateStats
        if not enable_validation:
            return write(stats_output_loc, stats_options=stats_options, enable_validation=False)
        # Only transformed data is validated. Its statistics are taken in the form that is written.
        inferred = stats_options.schema
        stats_options.schema = self._written(inferred)
        columns = beam.Map(to_flat, inferred) if self.settings.flat else beam.Map(to_struct, layout_of(inferred))
        return columns.with_output_types(pa.RecordBatch) | write(
            stats_output_loc, stats_options=stats_options, enable_validation=True
        )

    def _written(self, schema: schema_pb2.Schema) -> schema_pb2.Schema:
        """The schema of what is written, from the one that TFT inferred."""
        return (with_roles if self.settings.flat else to_sequence_schema)(schema, self._spec)


@contextlib.contextmanager
def _without_copies() -> Iterator[None]:
    """Has TFT 1.16 keep the data of a second phase of analysis, as it does without this optimisation of its own.

    To read the data anew in each phase it copies parts of Beam's graph, by a constructor that takes more since Beam
    2.63: whatever needs two phases (a mean, then a deviation from what it is put in place of) would fail.
    """
    if not tft.__version__.startswith("1.16."):
        yield
        return
    with mock.patch.object(deep_copy, "deep_copy", lambda collection: collection):
        yield


def _read_settings(custom_config: str | None) -> Settings:
    return Settings.model_validate((json.loads(custom_config or "null") or {}).get(contract.TRANSFORM_SETTINGS, {}))


def _read_schema(path: str) -> schema_pb2.Schema:
    return parse_schema(io_utils.read_bytes_file(path), path)


def _read_spec(path: str) -> SequenceSpec | None:
    """The schema's spec; None if it is of sequences that a spec cannot describe, made by other means than ours."""
    schema = _read_schema(path)
    foreign = FORMAT_TAG not in schema.annotation.tag and any(f.name == SEQUENCE for f in schema.feature)
    try:
        return from_schema(schema)
    except SchemaError:
        if foreign:
            return None
        raise
