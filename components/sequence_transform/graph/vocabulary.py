"""Vocabularies inside a transform graph, which map strings to ids from 1. Their files: `schemas.vocabulary`.

`tft.compute_and_apply_vocabulary` starts at 0, which is padding too, and adding 1 to its ids loses their domain, from
which the size of an embedding is read. Here the domain is kept: `num_buckets_for_transformed_feature` is the
embedding's input dimension.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.graph.graph_check import zero_if
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.vocabulary import (
    EMPTY,
    ESCAPES,
    SYMBOLS,
    Symbol,
    Vocabulary,
    VocabularyError,
    one_based_key,
)

_EagerTensor = type(tf.constant(0))

_MOST_SHOWN = 10
"""Unseen labels in an error message: enough to see what they are, on one line."""

_PLAIN = "[^" + "".join(re.escape(value) for value, _ in ESCAPES) + "]+"
"""Matches values that need no escape."""


def compute_and_apply_ids(
    x: tf.Tensor,
    vocab_filename: str,
    *,
    closed: bool = False,
    min_count: int = 1,
    max_size: int | None = None,
    symbols: Sequence[Symbol] = (),
) -> tf.Tensor:
    """Makes a vocabulary of the analysed data, and maps strings to its ids, from 1. For a `preprocessing_fn`.

    Args:
      x: Strings, `[N]`; of a ragged tensor the `flat_values`.
      vocab_filename: The vocabulary's name.
      closed: True for labels: the graph fails on a value that is not in the vocabulary.
      min_count: The least number of times that an entry is seen.
      max_size: The largest number of entries.
      symbols: See `make_vocabulary`.

    Returns:
      int64 ids, `[N]`, with their domain in the transformed schema.
    """
    file = make_vocabulary(x, vocab_filename, min_count=min_count, max_size=max_size, symbols=symbols)
    return apply_ids(x, file, name=vocab_filename, closed=closed)


def make_vocabulary(
    x: tf.Tensor,
    vocab_filename: str,
    *,
    min_count: int = 1,
    max_size: int | None = None,
    symbols: Sequence[Symbol] = (),
    frequencies: bool = False,
) -> tf.Tensor:
    """Makes a vocabulary of strings `[N]`, for `apply_ids`; of several features if they are concatenated.

    Args:
      x: The strings.
      vocab_filename: The vocabulary's name.
      min_count: The least number of times that an entry is seen.
      max_size: The largest number of entries.
      symbols: Symbols that get the first ids.
      frequencies: Whether to write also the vocabulary `frequencies_name(vocab_filename)`, whose lines are a count, a
        space and the entry. The values are then counted twice.

    Returns:
      The deferred name of the vocabulary file, as `tft.vocabulary` returns it.
    """
    escaped = _escape(x)
    bounds = {"frequency_threshold": min_count if min_count > 1 else None, "top_k": max_size}
    if frequencies:
        tft.vocabulary(escaped, vocab_filename=frequencies_name(vocab_filename), store_frequency=True, **bounds)
    _mark_one_based(_asset_name(vocab_filename))
    reserved = [SYMBOLS[symbol] for symbol in symbols] or None
    return tft.vocabulary(escaped, vocab_filename=vocab_filename, reserved_tokens=reserved, **bounds)


def frequencies_name(vocab_filename: str) -> str:
    """Returns the name of the vocabulary with counts."""
    return f"{vocab_filename}_frequencies"


def given_vocabulary(path: str, vocab_filename: str, *, symbols: Sequence[Symbol] = ()) -> tf.Tensor:
    """Adds a finished vocabulary to the graph, for `apply_ids`: a copy of the file, under the file's own name.

    Args:
      path: A text file of one value a line, in the order of the ids, as in `schemas.vocabulary`.
      vocab_filename: The name by which `TFTransformOutput.vocabulary_by_name` finds it.
      symbols: The symbols that must be its first lines.

    Returns:
      The path, as a tensor of TFT's outermost graph.

    Raises:
      VocabularyError: if it is not the file of a vocabulary, or has other symbols.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        found = Vocabulary.from_file(file.read(), path).symbols
    if found != tuple(symbols):
        raise VocabularyError(
            f"{path}: the settings need the symbols {_list_symbols(symbols)} in its first lines; it has "
            f"{_list_symbols(found)}"
        )
    tft.annotate_asset(vocab_filename, os.path.basename(path))
    _mark_one_based(os.path.basename(path))
    with tf.init_scope():
        return tf.constant(path)


def _list_symbols(symbols: Sequence[Symbol]) -> str:
    return ", ".join(SYMBOLS[symbol] for symbol in symbols) or "none"


def share_vocabulary(vocab_filename: str, names: Sequence[str], path: str | None = None) -> None:
    """Gives a vocabulary more names by which `TFTransformOutput.vocabulary_by_name` finds it.

    Args:
      vocab_filename: The vocabulary's name.
      names: Its further names.
      path: The file, if `given_vocabulary` added the vocabulary.
    """
    asset = _asset_name(vocab_filename) if path is None else os.path.basename(path)
    for name in names:
        tft.annotate_asset(name, asset)


def _asset_name(vocab_filename: str) -> str:
    """Returns the name of the asset that TFT writes, which `tft.vocabulary` does not tell."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "_", vocab_filename))


def _mark_one_based(asset: str) -> None:
    """Marks a vocabulary whose ids start at 1, as TFT writes the same domain for ids that start at 0."""
    tft.annotate_asset(one_based_key(asset), asset)


def hash_ids(x: tf.Tensor, num_buckets: int) -> tf.Tensor:
    """Maps strings to ids from 1 to `num_buckets` by their hash (FarmHash's 64-bit fingerprint), without a vocabulary.

    Different strings may share an id. The domain has one more id, the last, that no string gets: it stands for unseen
    values where a model needs one, as in word dropout.
    """
    ids = tf.strings.to_hash_bucket_fast(x, num_buckets) + FIRST_ID
    return with_domain(ids, hash_size(num_buckets))


def hash_size(num_buckets: int) -> int:
    """Returns the number of ids of `hash_ids`, padding and the unused last one included."""
    return FIRST_ID + num_buckets + 1


def with_domain(ids: tf.Tensor, num_ids: int | tf.Tensor) -> tf.Tensor:
    """Writes the number of ids, padding included, as the domain of int64 ids in the transformed schema."""
    # Nothing is looked up here. TFT writes the domain of whatever a `lookup_fn` returns, and of nothing else.
    return tft.apply_vocabulary(
        ids, tf.constant(""), default_value=PAD_ID, lookup_fn=lambda x, _: (tf.identity(x), tf.cast(num_ids, tf.int64))
    )


def apply_ids(x: tf.Tensor, file: tf.Tensor, *, name: str, closed: bool = False) -> tf.Tensor:
    """Maps strings to the ids, from 1, of a vocabulary.

    Args:
      x: Strings, `[N]`.
      file: The vocabulary, as `make_vocabulary` or `given_vocabulary` returns it.
      name: The feature, for messages.
      closed: See `compute_and_apply_ids`.

    Returns:
      int64 ids, `[N]`, with their domain in the transformed schema.

    Raises:
      tf.errors.InvalidArgumentError: when run, closed, on a value that is not an entry.
    """
    return ids_and_size(x, file, name=name, closed=closed)[0]


def ids_and_size(x: tf.Tensor, file: tf.Tensor, *, name: str, closed: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ids of `apply_ids` and their number, padding included, which `with_domain` takes."""
    sizes = []

    def look_up(values: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The table is made once, outside the traced function, unless the file is not written yet. It has the
        # number of a line, from 0, and -1 for a value that a closed vocabulary does not have: padding, less one.
        lift = tf.inside_function() and isinstance(path, _EagerTensor)
        with tf.init_scope() if lift else contextlib.nullcontext():
            lines = tf.lookup.TextFileInitializer(
                path,
                key_dtype=tf.string,
                key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
                value_dtype=tf.int64,
                value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            table = (
                tf.lookup.StaticHashTable(lines, default_value=PAD_ID - FIRST_ID)
                if closed
                else tf.lookup.StaticVocabularyTable(lines, num_oov_buckets=1)
            )
            size = table.size()
        ids = table.lookup(values) + FIRST_ID
        if closed:
            ids = _refuse_unseen(values, ids, name)
        sizes.append(size + FIRST_ID)
        return ids, sizes[0]

    # `default_value` is unused with a `lookup_fn`, but the domain's lower end is read from it.
    return tft.apply_vocabulary(_escape(x), file, default_value=PAD_ID, lookup_fn=look_up), sizes[0]


def _escape(x: tf.Tensor) -> tf.Tensor:
    """Writes strings as the lines of a vocabulary's file have them."""
    # Few values need it, if any. To match each once costs a quarter of the three replacements for all.
    positions = tf.where(tf.logical_not(tf.strings.regex_full_match(x, _PLAIN)))
    special = tf.gather_nd(x, positions)
    for value, escaped in ESCAPES:
        special = tf.strings.regex_replace(special, re.escape(value), escaped.replace("\\", "\\\\"))
    return tf.tensor_scatter_nd_update(x, positions, tf.where(tf.equal(special, ""), EMPTY, special))


def _refuse_unseen(values: tf.Tensor, ids: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the ids, in a graph that fails if a value of a label has none, and names such values."""
    unseen = tf.unique(tf.boolean_mask(values, tf.equal(ids, PAD_ID)))[0]
    shown = tf.strings.reduce_join(unseen[:_MOST_SHOWN], separator=", ")
    message = tf.strings.join(
        [f"the label {name!r} has values that the analysed splits ('train' by default) do not have: ", shown]
    )
    return ids + zero_if(tf.equal(tf.size(unseen), 0), message)
