"""Defines the executor of SequenceTransform, which makes stock Transform read and write SequenceExamples."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx_bsl.public import tfxio

from tfx_sequence.components.compat import artifacts, transform
from tfx_sequence.components.sequence_transform.config import Settings, make_transformed_spec
from tfx_sequence.components.sequence_transform.config_checks import find_cut_problems
from tfx_sequence.components.sequence_transform.embeddings import write_embeddings
from tfx_sequence.components.sequence_transform.records.batch_coder import compress_batches
from tfx_sequence.components.sequence_transform.records.flat_batch import to_flat_batch
from tfx_sequence.components.sequence_transform.records.reading import SequenceRecord
from tfx_sequence.components.sequence_transform.records.record_batch import to_struct_batch
from tfx_sequence.components.sequence_transform.records.writing import WriteSequenceExamples
from tfx_sequence.components.sequence_transform.transformed_schema import (
    add_roles,
    find_layout,
    note_vocabularies,
    to_sequence_schema,
)
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG, from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import FileSize, SchemaError
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, parse_schema


class Executor(transform.TransformExecutor):
    """Stock Transform's executor, extended to read and write SequenceExamples and to make a preprocessing_fn."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs Transform.

        Raises:
          ValueError: if the examples are not SequenceExamples, or if a setting would name a begin or an end where the
            reader has cut them.
          SchemaError: if the schema does not describe sequences.
        """
        _check_payload_formats(input_dict[standard_component_specs.EXAMPLES_KEY])
        settings = _read_settings(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY))
        for artifact in input_dict[standard_component_specs.EXAMPLES_KEY]:
            _check_cuts(artifact, settings)
        # Stock Transform makes its processor without arguments, so the settings are put on a class made for this run.
        processor = type("TransformProcessor", (SequenceTransformProcessor,), {"settings": settings})
        with (
            transform.replace_processor(processor),
            transform.keep_data_between_phases(),
            compress_batches(),
        ):
            super().Do(input_dict, output_dict, exec_properties)
        # There are no transformed examples if the component does not materialize them.
        transformed_examples = output_dict.get(standard_component_specs.TRANSFORMED_EXAMPLES_KEY) or []
        _set_payload_formats(transformed_examples, settings.flat)
        (graph,) = output_dict[standard_component_specs.TRANSFORM_GRAPH_KEY]
        write_embeddings(graph.uri, settings.transform)

    def extend_custom_config(self, config: dict[str, Any], schema_path: str) -> dict[str, Any]:
        """Adds the spec of the schema, which the default preprocessing_fn reads."""
        spec = _read_spec(schema_path)
        return config if spec is None else {**config, contract.SEQUENCE_SPEC: spec.to_json()}


class SequenceTransformProcessor(transform.TransformProcessor):
    """Stock Transform's processor, with readers and writers of SequenceExamples.

    Attributes:
      settings: The settings of the run. `Executor.Do` sets them on a subclass.
    """

    settings = Settings()

    def Transform(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any], status_file: str | None = None) -> None:
        """Runs stock Transform, then replaces its schema of flat data by the schema of the written files."""
        raw_spec = _read_spec(transform.find_schema(inputs))
        if raw_spec is None:
            self._spec = None
        else:
            self._spec = make_transformed_spec(raw_spec, self.settings.transform, self.settings.max_steps)
        super().Transform(inputs, outputs, status_file)
        graph = transform.find_transform_graph(outputs)
        path = os.path.join(graph, tft.TFTransformOutput.TRANSFORMED_METADATA_DIR, contract.SCHEMA_FILE)
        flat_schema = _read_schema(path)
        note_vocabularies(flat_schema, functools.partial(_measure_vocabulary, tft.TFTransformOutput(graph)))
        schema = self.make_written_schema(flat_schema)
        io_utils.write_pbtxt_file(path, schema)
        # Stock Transform wrote this copy before the analysis, so the copy does not have the numbers of ids.
        folder = transform.find_transformed_schema(outputs)
        if folder:
            io_utils.write_pbtxt_file(os.path.join(folder, contract.SCHEMA_FILE), schema)

    def read_schema(self, path: str) -> schema_pb2.Schema:
        """Reads the raw schema, and adds TensorRepresentations if they are missing, as stock SchemaGen writes none."""
        schema = _read_schema(path)
        if not schema.tensor_representation_group:
            representations = to_schema(from_schema(schema)).tensor_representation_group[""]
            schema.tensor_representation_group[""].CopyFrom(representations)
        return schema

    def make_reader(self, stock_reader: Any, file_pattern: str, schema: schema_pb2.Schema) -> tfxio.TFXIO:
        """Makes a reader of whole batches. It reports to the same Beam metrics as the stock reader."""
        return SequenceRecord(file_pattern, stock_reader.telemetry_descriptors, schema=schema)

    def make_writer(self, schema: schema_pb2.Schema, path_prefix: str) -> beam.PTransform:
        """Makes the Beam transform that writes SequenceExamples, or the stock one for flat tf.Examples."""
        if self.settings.flat:
            return super().make_writer(schema, path_prefix)
        return beam.Keys() | "WriteSequenceExamples" >> WriteSequenceExamples(find_layout(schema), path_prefix)

    def make_written_schema(self, schema: schema_pb2.Schema) -> schema_pb2.Schema:
        """Makes the schema of the written files, from the transformed schema as TFT infers it."""
        return add_roles(schema, self._spec) if self.settings.flat else to_sequence_schema(schema, self._spec)

    def make_batch_converter(self, schema: schema_pb2.Schema) -> beam.PTransform:
        """Makes the Beam transform that gives RecordBatches the columns that a reader of the written files returns."""
        if self.settings.flat:
            convert_batch = beam.Map(to_flat_batch, schema)
        else:
            convert_batch = beam.Map(to_struct_batch, find_layout(schema))
        return convert_batch.with_output_types(pa.RecordBatch)


def _check_payload_formats(examples: list[types.Artifact]) -> None:
    for artifact in examples:
        payload_format = artifacts.get_payload_format(artifact)
        if payload_format != example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE:
            name = example_gen_pb2.PayloadFormat.Name(payload_format)
            raise ValueError(
                f"SequenceTransform reads FORMAT_TF_SEQUENCE_EXAMPLE, but the examples in {artifact.uri} are "
                f"marked {name}. If they are SequenceExamples, set the output_data_format of ExampleGen"
            )


def _check_cuts(examples: types.Artifact, settings: Settings) -> None:
    """Raises a ValueError if a setting names a begin or an end that the examples may not have."""
    in_pieces = bool(examples.get_int_custom_property(contract.IN_PIECES))
    # A property that is not set is 0.
    truncated_to = examples.get_int_custom_property(contract.TRUNCATED_TO) or None
    for problem in find_cut_problems(settings.transform, settings.max_steps, in_pieces, truncated_to):
        raise ValueError(f"{problem.key}: {problem.message} (the examples in {examples.uri})")


def _set_payload_formats(transformed_examples: list[types.Artifact], is_flat: bool) -> None:
    """Marks the transformed examples with the format in which they were written."""
    written_format = example_gen_pb2.FORMAT_TF_EXAMPLE if is_flat else example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE
    for artifact in transformed_examples:
        artifacts.set_payload_format(artifact, written_format)


def _measure_vocabulary(graph: tft.TFTransformOutput, name: str) -> FileSize | None:
    """Returns the size of the vocabulary file of a transformed feature; None if the feature has no vocabulary."""
    path = graph.vocabulary_file_by_name(name)
    if path is None:
        return None
    return FileSize(len(graph.vocabulary_by_name(name)), tf.io.gfile.stat(path).length)


def _read_settings(custom_config: str | None) -> Settings:
    config = json.loads(custom_config or "null") or {}
    return Settings.model_validate(config.get(contract.TRANSFORM_SETTINGS, {}))


def _read_schema(path: str) -> schema_pb2.Schema:
    return parse_schema(io_utils.read_bytes_file(path), path)


def _read_spec(path: str) -> SequenceSpec | None:
    """Reads the spec of a schema. Returns None for a schema of the user that a spec cannot describe.

    Raises:
      SchemaError: if the schema has no sequences, or was made by SequenceSchemaGen and is not valid.
    """
    schema = _read_schema(path)
    try:
        return from_schema(schema)
    except SchemaError:
        has_sequences = any(feature.name == SEQUENCE for feature in schema.feature)
        is_written_by_user = FORMAT_TAG not in schema.annotation.tag
        if has_sequences and is_written_by_user:
            return None
        raise
