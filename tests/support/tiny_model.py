"""Models that label a token with its length, so that every answer can be recomputed."""

import tensorflow as tf


class LengthModel(tf.Module):
    """Labels a token with the number of its bytes, and padding with "pad". It reads at most `max_steps` tokens."""

    def __init__(self, max_steps=None):
        super().__init__()
        self._max_steps = max_steps
        self.added_steps = tf.function(lambda: tf.constant([0, 0], tf.int64), input_signature=[])

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


class LanguageModel(LengthModel):
    """Names at each step what it was told last. It is told `before` times a begin first, and `after` times an end last.

    So the answers to the tokens a, b are "begin", "a", "b", "end", if there is one step of each.
    """

    def __init__(self, before=1, after=0, max_steps=None):
        super().__init__(max_steps)
        self._before, self._after = before, after
        self.added_steps = tf.function(lambda: tf.constant([before, after], tf.int64), input_signature=[])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "tokens"),
            tf.TensorSpec([None], tf.int64, "lengths"),
        ]
    )
    def serve(self, tokens, lengths):
        told = tf.RaggedTensor.from_tensor(tokens, lengths)
        if self._max_steps is not None:
            told = told[:, : self._max_steps]
        begin = tf.RaggedTensor.from_tensor(tf.fill([told.nrows(), self._before], "begin"))
        end = tf.RaggedTensor.from_tensor(tf.fill([told.nrows(), self._after], "end"))
        told = tf.concat([begin, told, end], axis=1)
        answers = told.to_tensor()
        return {
            "target": answers,
            "target_id": tf.cast(tf.strings.length(answers), tf.int64),
            "target_score": tf.cast(answers != "", tf.float32),
            "lengths": told.row_lengths(),
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


class RecordModel(tf.Module):
    """Takes serialized SequenceExamples too, and labels a record as of even or odd length.

    Args:
      steps: The model that labels the tokens.
    """

    def __init__(self, steps):
        super().__init__()
        self._steps = steps
        self.added_steps = steps.added_steps
        self.serve = steps.serve

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


def save_for_records(path, steps=None):
    model = RecordModel(steps or LengthModel())
    signatures = {"serving_default": model.serve_examples, "serve_sequences": model.serve}
    tf.saved_model.save(model, str(path), signatures=signatures)
    return str(path)


def save(model, path, signature="serve_sequences"):
    tf.saved_model.save(model, str(path), signatures={signature: model.serve})
    return str(path)
