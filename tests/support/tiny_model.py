"""Models that label a token with its length, so that every answer can be recomputed."""

import tensorflow as tf


class LengthModel(tf.Module):
    """Labels a token with the number of its bytes, and padding with "pad". It reads at most `max_steps` tokens."""

    def __init__(self, max_steps=None):
        super().__init__()
        self._max_steps = max_steps

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "tokens"),
            tf.TensorSpec([None], tf.int64, "lengths"),
        ]
    )
    def serve(self, tokens, lengths):
        if self._max_steps is not None:
            tokens, lengths = tokens[:, : self._max_steps], tf.minimum(lengths, self._max_steps)
        real = tf.sequence_mask(lengths, tf.shape(tokens)[1])
        size = tf.strings.length(tokens)
        return {
            "upos": tf.where(real, tf.strings.join(["L", tf.strings.as_string(size)]), "pad"),
            "upos_id": tf.cast(size, tf.int64),
            "upos_score": 1 / (1 + tf.cast(size, tf.float32)),
            "lengths": lengths,
        }


class SentenceModel(tf.Module):
    """A LengthModel that also says of the whole sentence whether its length is even, and how many bytes it has."""

    def __init__(self):
        super().__init__()
        self._steps = LengthModel()

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "tokens"),
            tf.TensorSpec([None], tf.int64, "lengths"),
        ]
    )
    def serve(self, tokens, lengths):
        sizes = tf.cast(tf.strings.length(tokens), tf.float32) * tf.sequence_mask(
            lengths, tf.shape(tokens)[1], tf.float32
        )
        return self._steps.serve(tokens, lengths) | {
            "parity": tf.where(lengths % 2 == 0, "even", "odd"),
            "parity_id": 1 + lengths % 2,
            "parity_score": 1 / (1 + tf.cast(lengths, tf.float32)),
            "size": tf.reduce_sum(sizes, 1),
        }


class RecordModel(LengthModel):
    """A LengthModel that takes serialized SequenceExamples too, and labels a record as of even or odd length."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve_examples(self, examples):
        _, steps, _ = tf.io.parse_sequence_example(
            examples, sequence_features={"tokens": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)}
        )
        lengths = steps["tokens"].row_lengths()
        tokens = tf.RaggedTensor.from_row_splits(steps["tokens"].flat_values, steps["tokens"].row_splits)
        parity = tf.where(lengths % 2 == 0, "even", "odd")
        scores = 1 / (1 + tf.cast(lengths, tf.float32))
        return self.serve(tokens.to_tensor(), lengths) | {
            "parity": parity,
            "parity_id": 1 + lengths % 2,
            "parity_score": scores,
        }


def save_for_records(path, **settings):
    model = RecordModel(**settings)
    signatures = {"serving_default": model.serve_examples, "serve_sequences": model.serve}
    tf.saved_model.save(model, str(path), signatures=signatures)
    return str(path)


def save(model, path, signature="serve_sequences"):
    tf.saved_model.save(model, str(path), signatures={signature: model.serve})
    return str(path)
