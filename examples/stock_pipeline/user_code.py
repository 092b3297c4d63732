"""The code of a user of stock TFX: a preprocessing_fn and a run_fn, which know nothing of tfx-sequence.

The model predicts the tag of each word from that word alone. It stands for any model: what matters is that it reads
ragged tensors, as TFX reads SequenceExamples, and that nothing in it had to change.
"""

from __future__ import annotations

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

EMBEDDING = 8


def preprocessing_fn(inputs):
    """Ids of words and tags, as stock Transform gives them; `vocab_filename` is what the vocabularies are called."""
    return {
        "words": tft.compute_and_apply_vocabulary(inputs["words"], vocab_filename="words", num_oov_buckets=1),
        "tags": tft.compute_and_apply_vocabulary(inputs["tags"], vocab_filename="tags"),
    }


def run_fn(fn_args):
    """Trains on the words of all sentences, and exports a signature of serialized SequenceExamples."""
    graph = tft.TFTransformOutput(fn_args.transform_output)
    options = tfxio.TensorFlowDatasetOptions(batch_size=8, num_epochs=2, shuffle_seed=1)
    batches = fn_args.data_accessor.tf_dataset_factory(fn_args.train_files, options, graph.transformed_metadata.schema)
    words = max(graph.num_buckets_for_transformed_feature("words"), 1)
    model = keras.Sequential([keras.layers.Embedding(words + 1, EMBEDDING), keras.layers.Dense(8)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(batches.map(lambda batch: (batch["words"].flat_values, batch["tags"].flat_values)))

    layer = graph.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples):
        feature = tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)
        _, steps, _ = tf.io.parse_sequence_example(examples, sequence_features={"words": feature})
        ids = layer({"words": steps["words"]})["words"].merge_dims(1, -1)
        return {"tags": ids.with_flat_values(tf.argmax(model(ids.flat_values), -1)).to_tensor(-1)}

    module = tf.Module()
    module.layer, module.variables_of_model = layer, [variable.value for variable in model.variables]
    tf.saved_model.save(module, fn_args.serving_model_dir, signatures={"serving_default": serve})
