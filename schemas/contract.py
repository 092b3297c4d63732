"""Names on the wire: what one part writes and another part reads under the same name.

Whoever changes a value here breaks artifacts, exported models, or code that was written against them.
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
"""What the metrics of an Evaluator are computed from."""

SLICES = "slices"
"""The values by which an Evaluator slices."""

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
"""How many of a piece's first steps are also the last steps of the piece before it."""

# Artifacts.

SPLIT_PREFIX = "Split-"
"""`Split-<name>`: the folder of one split in an Examples artifact."""

REJECTS = "Rejects"
"""The folder of an Examples artifact that holds the records that were not accepted."""

SCHEMA_FILE = "schema.pbtxt"
"""The file of a Schema artifact."""

# Execution properties, and keys of `custom_config`.

SEQUENCE_SPEC = "sequence_spec"
READ_CONFIG = "read_config"
SPLIT_CONFIG = "split_config"
WRITE_CONFIG = "write_config"
TRANSFORM_SETTINGS = "sequence_transform"
TRANSFORM_FILES = "sequence_transform_files"
MODEL = "model"
TRAINING = "training"
TUNING = "tuning"
LABELS = "labels"
STATE_DIR = "state_dir"
CODE = "code"
"""A fingerprint of the user's own code, so that changed code is another execution."""

# Progress.

PROGRESS_LOGGER = "tfx_sequence.progress"
"""The logger of a training's progress. Records carry their numbers in the attribute `PROGRESS_ATTRIBUTE`."""

PROGRESS_ATTRIBUTE = "progress"
