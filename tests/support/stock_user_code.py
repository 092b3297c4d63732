"""What a user of stock TFX writes: a preprocessing_fn and a run_fn that know nothing of this project."""

import json
import pathlib

import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

SEEN = "seen.json"


def preprocessing_fn(inputs):
    """Ids as stock gives them, from 0."""
    words = inputs["words"]
    return {
        "words": tft.compute_and_apply_vocabulary(words, vocab_filename="words", num_oov_buckets=1),
        "tags": tft.compute_and_apply_vocabulary(inputs["tags"], vocab_filename="tags"),
    }


def preprocess_text(inputs):
    """The same of CSV, where the steps of a record are one text."""
    return preprocessing_fn({name: tf.strings.split(inputs[name][:, 0]) for name in ("words", "tags")})


def run_fn(fn_args):
    """Reads every training record as stock's Trainer offers it, and exports a model that knows how many there were."""
    schema = tft.TFTransformOutput(fn_args.transform_output).transformed_metadata.schema
    dataset = fn_args.data_accessor.tf_dataset_factory(
        fn_args.train_files, tfxio.TensorFlowDatasetOptions(batch_size=4, num_epochs=1, shuffle=False), schema
    )
    records = steps = 0
    for batch in dataset:
        records += int(batch["words"].nrows())
        steps += int(tf.size(batch["words"].flat_values))
        assert batch["tags"].flat_values.shape == batch["words"].flat_values.shape
    model = tf.Module()
    model.records = tf.Variable(records)
    serve = tf.function(
        lambda examples: {"records": tf.repeat(model.records, tf.size(examples))},
        input_signature=[tf.TensorSpec([None], tf.string, name="examples")],
    )
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures={"serving_default": serve})
    (pathlib.Path(fn_args.serving_model_dir) / SEEN).write_text(json.dumps({"records": records, "steps": steps}))
