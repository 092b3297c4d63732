"""Names that two parts agree on: one part writes under a name, and another part reads under the same name.

Parts use these names, and `tests/conformance/test_contract.py` finds values that are written out elsewhere. Whoever
changes a value breaks artifacts, exported models, or code that was written against them.
"""

from __future__ import annotations

# Batches, and answers of a model.

LENGTHS = "lengths"
"""The real steps of each sequence: a key of batches, of signatures' arguments and of their answers."""

COUNTS_SUFFIX = f"/{LENGTHS}"
"""`<feature>/lengths`: the real values in each step of a nested feature."""

WINDOW_SHARE = "@share"
"""In a window of a batch: the share of each sequence's steps that are in the window, float32 `[B]`."""

ID_SUFFIX = "_id"
"""`<label>_id`: the id of the value that a model answers with."""

SCORE_SUFFIX = "_score"
"""`<label>_score`: the probability of that value."""

LABEL_SUFFIX = "_label"
"""`<label>_label`: the label itself, in the answers of the signature `evaluation`."""

CROSS_ENTROPY_SUFFIX = "_cross_entropy"
"""`<label>_cross_entropy`: how unlikely all of a record's labels together are, in nats, float `[B]`."""

LENGTH_BUCKET = "length_bucket"
"""The answer of the signature `slices`: `0`, `1`, `2`, `3-4`, `5-8`, `9-16`, ... steps, string `[B]`."""

# Signatures of an exported model.

EXAMPLES_INPUT = "examples"
"""The tensor of serialized records, string `[B]`, that all signatures but `serve_sequences` take."""

SERVING_DEFAULT = "serving_default"
"""Serialized SequenceExamples, or tf.Examples, to answers."""

SERVE_SEQUENCES = "serve_sequences"
"""Padded sequences of raw values, with their lengths, to answers."""

BULK_INFERENCE = "bulk_inference"
"""As `serving_default`, in the shapes that stock BulkInferrer takes."""

EVALUATION = "evaluation"
"""Serialized records to the answers and labels that the metrics of an Evaluator are computed from."""

SLICES = "slices"
"""Serialized records to the values by which an Evaluator slices."""

TRANSFORM_FEATURES = "transform_features"
"""Serialized records to transformed features, under the name that TFMA knows."""

TRANSFORMED_LABELS = "transformed_labels"
"""Serialized records to transformed labels."""

# Sources of context features that say how the pieces of a long record belong together.

SOURCE_SIGN = "@"
"""The first character of a source that a reader makes itself instead of reading it."""

PARENT = "@parent"
"""The key of the record that a piece was cut from, or the record's file and position."""

PIECE = "@piece"
"""The position of a piece within its record, from 0."""

OVERLAP = "@overlap"
"""The number of steps that a piece begins with and that the piece before it ends with."""

# Artifacts.

SPLIT_PREFIX = "Split-"
"""`Split-<name>`: the folder of one split in an Examples artifact."""

REJECTS = "Rejects"
"""The folder of an Examples artifact that holds the records that were not accepted."""

SCHEMA_FILE = "schema.pbtxt"
"""The file of a Schema artifact."""

RECORDS_READ = "records_read"
"""A property of an Examples artifact, and a counter of Beam: accepted and rejected records together."""

RECORDS_ACCEPTED = "records_accepted"
"""The same for records that were written."""

RECORDS_REJECTED = "records_rejected"
"""The same for records that are not what their spec or their format says."""

RECORDS_TRUNCATED = "records_truncated"
"""The same for accepted records that were cut to `max_length`."""

# Execution properties, and keys of `custom_config`.

SEQUENCE_SPEC = "sequence_spec"
"""A `SequenceSpec`, as JSON: of SequenceExampleGen and SequenceSchemaGen, and for a `preprocessing_fn`."""

READ_CONFIG = "read_config"
"""SequenceExampleGen's settings for reading files, as JSON."""

SPLIT_CONFIG = "split_config"
"""Its settings for dividing records into splits, as JSON; none if the input has its splits already."""

WRITE_CONFIG = "write_config"
"""Its settings for writing records, as JSON."""

TRANSFORM_SETTINGS = "sequence_transform"
"""The settings of SequenceTransform, for its `preprocessing_fn`."""

TRANSFORM_FILES = "sequence_transform_files"
"""Fingerprints of the files that these settings name, so that changed files are another execution."""

MODEL = "model"
"""The settings of the model, for SequenceTrainer's `run_fn` and a Tuner's `tuner_fn`."""

TRAINING = "training"
"""The settings of training, for the same."""

TUNING = "tuning"
"""The settings of the search, for a Tuner's `tuner_fn`."""

LABELS = "labels"
"""The features to predict, where the transformed schema does not say it."""

STATE_DIR = "state_dir"
"""The folder of checkpoints that a later execution goes on from."""

CODE = "code"
"""A fingerprint of the user's own code, so that changed code is another execution."""

# Progress.

PROGRESS_LOGGER = "tfx_sequence.progress"
"""The logger of a training's progress."""

PROGRESS_ATTRIBUTE = "progress"
"""The attribute of its log records that holds their numbers, name to float."""
