"""Defines the names that one part of the package writes and another part reads, such as keys and file names.

Both parts must use these constants. `tests/conformance/test_contract.py` finds values that are written out elsewhere.
A change of a value breaks existing artifacts, exported models, and user code that depends on the value.
"""

from __future__ import annotations

# Keys of batches, and of the answers of a model.

LENGTHS = "lengths"
"""The number of real steps of each sequence: a key of batches, of signature arguments and of model answers."""

COUNTS_SUFFIX = f"/{LENGTHS}"
"""`<feature>/lengths`: the number of real values in each step of a nested feature."""

WINDOW_SHARE = "@share"
"""The share of the steps of each sequence that are in the current window of the batch, float32 `[B]`."""

ID_SUFFIX = "_id"
"""`<label>_id`: the id of the value that the model predicts."""

SCORE_SUFFIX = "_score"
"""`<label>_score`: the probability of the value that the model predicts."""

TRUE_SUFFIX = "_true"
"""`<label>_true`: the true label of a record, beside the answer `<label>`, in what the command `predict` writes."""

LABEL_SUFFIX = "_label"
"""`<label>_label`: the true label, in the answers of the signature `evaluation`."""

CROSS_ENTROPY_SUFFIX = "_cross_entropy"
"""`<label>_cross_entropy`: the negative log-probability of all labels of a record together, in nats, float `[B]`.

The negative log-probability of each label is multiplied by the weight of the label, if there are weights.
"""

WEIGHT_SUFFIX = "_weight"
"""`<label>_weight`: the weight of each label, float32 `[B]` or `[B, T]`, in the answers of `evaluation`."""

LENGTH_BUCKET = "length_bucket"
"""The range of lengths that a record is in: `0`, `1`, `2`, `3-4`, `5-8`, `9-16`, ... steps, string `[B]`.

This is the answer of the signature `slices`.
"""

# Signatures of an exported model.

EXAMPLES_INPUT = "examples"
"""The argument of all signatures except `serve_sequences`: a tensor of serialized records, string `[B]`."""

SERVING_DEFAULT = "serving_default"
"""Maps serialized SequenceExamples, or tf.Examples, to answers."""

SERVE_SEQUENCES = "serve_sequences"
"""Maps padded sequences of raw values, with their lengths, to answers."""

BULK_INFERENCE = "bulk_inference"
"""Does the same as `serving_default`, but with the output shapes that the BulkInferrer of TFX accepts."""

EVALUATION = "evaluation"
"""Maps serialized records to the answers and labels from which an Evaluator computes metrics."""

SLICES = "slices"
"""Maps serialized records to the values by which an Evaluator slices."""

TRANSFORM_FEATURES = "transform_features"
"""Maps serialized records to transformed features. TFMA prescribes this name."""

TRANSFORMED_LABELS = "transformed_labels"
"""Maps serialized records to transformed labels."""

ADDED_STEPS = "added_steps"
"""A function of an exported model, not a signature. It returns how many steps the transform adds in front of every
sequence, and how many behind it, int64 `[2]`. A model has no such function if the transform makes other steps, such as
windows."""

# Sources of context features that describe pieces. A reader can cut a long record into several records, its pieces.

SOURCE_SIGN = "@"
"""The first character of a source whose values are made by the reader, not read from a file."""

PARENT = "@parent"
"""The key of the record that a piece was cut from. If the record has no key, its file and position."""

PIECE = "@piece"
"""The position of a piece within its record, from 0."""

OVERLAP = "@overlap"
"""The number of steps at the beginning of a piece that are also the last steps of the piece before it."""

# Artifacts.

SPLIT_PREFIX = "Split-"
"""`Split-<name>` is the folder of one split in an Examples artifact."""

REJECTS = "Rejects"
"""The folder of an Examples artifact that holds the records that were not accepted."""

UNFINISHED = "_unfinished"
"""The name of a file in a folder whose other files are not all written yet. Readers refuse such a folder."""

KEEP_VERSIONS = "keep_versions"
"""The number of pushed versions to keep, in the `custom_config` of AtomicPusher."""

SCHEMA_FILE = "schema.pbtxt"
"""The name of the file in a Schema artifact."""

RECORDS_READ = "records_read"
"""The number of records that were read, accepted or rejected: a property of Examples artifacts and a Beam counter."""

RECORDS_ACCEPTED = "records_accepted"
"""The number of records that were accepted and written: a property and a counter, too."""

RECORDS_REJECTED = "records_rejected"
"""The number of records that do not follow their spec or their format: a property and a counter, too."""

FILES_MATCHED = "files_matched"
"""The number of files that the patterns match: a property and a counter, too."""

FILES_WHOLE = "files_whole"
"""The number of files that were read to their end: a property and a counter, too."""

FILES_DAMAGED = "files_damaged"
"""The number of files that were not read to their end, because they are damaged: a property and a counter, too."""

RECORDS_TRUNCATED = "records_truncated"
"""The number of accepted records that were cut to `max_length`: a property and a counter, too."""

IN_PIECES = "in_pieces"
"""A property of Examples: 1 if a record may be a piece of a longer sequence, with steps before and after it."""

TRUNCATED_TO = "truncated_to"
"""A property of Examples: the number of steps after which longer records are cut off, if the reader does so."""

# Execution properties, and keys of `custom_config`.

SEQUENCE_SPEC = "sequence_spec"
"""A `SequenceSpec` as JSON, for SequenceExampleGen, SequenceSchemaGen and a `preprocessing_fn`."""

READ_CONFIG = "read_config"
"""The settings of SequenceExampleGen for reading files, as JSON."""

SPLIT_CONFIG = "split_config"
"""The settings of SequenceExampleGen for dividing records into splits, as JSON.

There are no such settings if the input is already divided into splits.
"""

WRITE_CONFIG = "write_config"
"""The settings of SequenceExampleGen for writing records, as JSON."""

TRANSFORM_SETTINGS = "sequence_transform"
"""The settings that SequenceTransform passes to its `preprocessing_fn`."""

TRANSFORM_FILES = "sequence_transform_files"
"""Fingerprints of the files that the settings of SequenceTransform name. Changed files cause a new execution."""

MODEL = "model"
"""The settings of the model, for the `run_fn` of SequenceTrainer and the `tuner_fn` of a Tuner."""

TRAINING = "training"
"""The settings of training, for the `run_fn` of SequenceTrainer and the `tuner_fn` of a Tuner."""

TUNING = "tuning"
"""The settings of the hyperparameter search, for the `tuner_fn` of a Tuner."""

LABELS = "labels"
"""The features to predict, if the transformed schema does not mark them as labels."""

STATE_DIR = "state_dir"
"""The folder of checkpoints from which a later execution continues."""

CODE = "code"
"""A fingerprint of the code that a component runs, besides TFX's. Changed code causes a new execution."""

INPUT_FILES = "input_files"
"""A fingerprint of the input files, as they were when the pipeline was made. Changed files cause a new execution."""

OWN_CODE_VARIABLE = "TFX_SEQUENCE_OWN_CODE"
"""The environment variable with the files of a user's own code, as JSON: module name to path."""

# Progress.

PROGRESS_LOGGER = "tfx_sequence.progress"
"""The name of the logger that reports the progress of training."""

PROGRESS_ATTRIBUTE = "progress"
"""The attribute of each log record of this logger that holds the reported numbers, name to float."""

SKIPPED_BATCHES = "skipped_batches"
"""The number of batches that training passed over because their loss was not finite. It is reported if it is not 0."""

TRIAL_ATTRIBUTE = "trial"
"""The attribute of a log record of this logger that describes a trial of a Tuner, at its beginning and at its end.

It is a dict: `number`, from 1; `trials`, the number of all trials; and `settings`, name to value. At the end of the
trial there is also `score`, which is higher for better settings. If the trial failed, `score` is None, and there is
`error`, a message.
"""
