"""Lists the private and undocumented names of stock packages that `compat` uses, with their expected signatures."""

from __future__ import annotations

PRIVATE_NAMES: dict[str, str] = {
    # Stock Transform finds its processor by its name in the module, where `compat.transform` replaces it.
    "tfx.components.transform.executor:Executor.Do": "(self, input_dict, output_dict, exec_properties)",
    "tfx.components.transform.executor:Executor._GetPreprocessingFn": "(self, inputs, unused_outputs)",
    "tfx.components.transform.executor:TransformProcessor": "()",
    "tfx.components.transform.executor:TransformProcessor.Transform": "(self, inputs, outputs, status_file=None)",
    "tfx.components.transform.executor:TransformProcessor._GetSchema": "(self, schema_path)",
    "tfx.components.transform.executor:TransformProcessor._CreateTFXIO": "(self, dataset, schema)",
    "tfx.components.transform.executor:TransformProcessor._EncodeAndWrite": "(schema, file_format, output_path)",
    "tfx.components.transform.executor:TransformProcessor._GenerateAndMaybeValidateStats": (
        "(stats_output_loc, stats_options, enable_validation)"
    ),
    # The keys of the inputs and outputs that the stock executor passes to its processor.
    "tfx.components.transform.labels:CUSTOM_CONFIG": "",
    "tfx.components.transform.labels:FORMAT_TFRECORD": "",
    "tfx.components.transform.labels:POST_TRANSFORM_OUTPUT_SCHEMA_PATH_LABEL": "",
    "tfx.components.transform.labels:SCHEMA_PATH_LABEL": "",
    "tfx.components.transform.labels:TRANSFORM_METADATA_OUTPUT_PATH_LABEL": "",
    "tfx.components.util.value_utils:GetSoleValue": "(inputs, label, strict=True)",
    # TFT 1.16 uses it to copy parts of Beam's graph. It fails with newer versions of Beam.
    "tensorflow_transform.beam.deep_copy:deep_copy": "(pcollection)",
    # A reader of SequenceExamples that keeps its class if Transform selects some of its tensors. The public class has
    # no public method for it. See `compat.record_batches`.
    "tfx_bsl.tfxio.tf_sequence_example_record:TFSequenceExampleRecord._ProjectImpl": "(self, tensor_names)",
    "tfx_bsl.tfxio.tf_sequence_example_record:TFSequenceExampleRecord._ProjectTfmdSchema": "(self, tensor_names)",
    "tfx_bsl.tfxio.telemetry:ProfileRecordBatches": (
        "(telemetry_descriptors, logical_format, physical_format, distribution_update_probability=0.1)"
    ),
    "tfx_bsl.arrow.table_util:MergeRecordBatches": "(record_batches)",
    "apache_beam.io.concat_source:ConcatSource": "(sources)",
    # TFDV's statistics without a Beam pipeline. See `compat.statistics`.
    "tensorflow_data_validation.statistics.stats_impl:get_generators": "(options, in_memory=False)",
    "tensorflow_data_validation.statistics.stats_impl:generate_partial_statistics_in_memory": (
        "(record_batch, options, stats_generators)"
    ),
    "tensorflow_data_validation.statistics.stats_impl:extract_statistics_output": "(partial_stats, stats_generators)",
    "tensorflow_data_validation.constants:NON_UTF8_PLACEHOLDER": "",
    "tensorflow_data_validation.constants:LARGE_BYTES_PLACEHOLDER": "",
    "tfx.components.statistics_gen.stats_artifact_utils:BINARY_PB_BASENAME": "",
    "tfx.components.statistics_gen.stats_artifact_utils:load_statistics": "(stats_artifact, split)",
    # The marks on artifacts, such as the format of examples. See `compat.artifacts`.
    "tfx.components.util.examples_utils:get_payload_format": "(examples)",
    "tfx.components.util.examples_utils:set_payload_format": "(examples, payload_format)",
    "tfx.components.util.examples_utils:set_file_format": "(examples, file_format)",
    "tfx.components.example_gen.driver:FileBasedDriver": "(metadata_handle)",
    "tfx.components.example_gen.driver:FileBasedDriver.get_input_processor": (
        "(self, splits, range_config=None, input_base_uri=None)"
    ),
    "tfx.components.example_gen.driver:FileBasedDriver.resolve_exec_properties": (
        "(self, exec_properties, pipeline_info, component_info)"
    ),
    "tfx.components.example_gen.input_processor:FileBasedInputProcessor": "(input_base_uri, splits, range_config=None)",
    "tfx.components.example_gen.utils:verify_split_pattern_specs": "(split)",
    "tfx.components.example_gen.utils:generate_output_split_names": "(input_config, output_config)",
    "tfx.components.example_gen.utils:make_default_input_config": "(split_pattern='*')",
    "tfx.components.example_gen.write_split:to_file_format_str": "(file_format)",
    "tfx.components.example_validator.executor:ARTIFACT_PROPERTY_BLESSED_KEY": "",
    "tfx.components.example_validator.executor:BLESSED_VALUE": "",
    "tfx.components.example_validator.executor:DEFAULT_FILE_NAME": "",
    "tfx.components.example_validator.executor:NOT_BLESSED_VALUE": "",
    # What the stock Pusher notes in its output. See `compat.pusher`.
    "tfx.components.pusher.executor:_PUSHED_KEY": "",
    "tfx.components.pusher.executor:Executor._MarkPushed": (
        "(self, model_push, pushed_destination, pushed_version=None)"
    ),
    # A LocalDagRunner that reports between components. See `compat.local_runner`.
    "tfx.orchestration.local.local_dag_runner:LocalDagRunner.run_with_ir": "(self, pipeline, run_options=None)",
    "tfx.orchestration.portable.runtime_parameter_utils:substitute_runtime_parameter": ("(msg, parameter_bindings)"),
    "tfx.dsl.compiler.constants:PIPELINE_RUN_ID_PARAMETER_NAME": "",
    # Methods of TFX's base class of Beam executors that are meant for its subclasses.
    "tfx.dsl.components.base.base_beam_executor:BaseBeamExecutor._log_startup": (
        "(self, inputs, outputs, exec_properties)"
    ),
    "tfx.dsl.components.base.base_beam_executor:BaseBeamExecutor._make_beam_pipeline": "(self)",
    # The sum of gradients over replicas. See `compat.replicas`.
    "keras.src.backend.tensorflow.optimizer:TFOptimizer._all_reduce_sum_gradients": "(self, grads_and_vars)",
    # It has a page in the documentation of Keras Tuner, but no public import path. See `compat.tuning`.
    "keras_tuner.engine.base_tuner:BaseTuner.run_trial": "(self, trial, *fit_args, **fit_kwargs)",
}
"""`module:name` to the signature without annotations, as `inspect.signature` writes it. Empty for names without one."""

INSTANCE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    # The patterns of the files and two names for Beam's metrics. The public class has no public attributes for them.
    "tfx_bsl.tfxio.tf_sequence_example_record:TFSequenceExampleRecord": (
        "_file_pattern",
        "_logical_format",
        "_physical_format",
    ),
}
"""`module:class` to the private attributes of its instances that `compat` uses."""
