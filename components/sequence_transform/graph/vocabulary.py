"""Makes vocabularies in a transform graph and maps strings to their ids, which start at 1.

The ids of `tft.compute_and_apply_vocabulary` start at 0, which is also the id of padding. Adding 1 to its ids loses
their domain, which determines the size of an embedding. The functions here keep the domain, so that
`num_buckets_for_transformed_feature` returns the input dimension of the embedding.

The module `schemas.vocabulary` describes the files of vocabularies.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.graph.graph_check import make_zero_or_fail
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.vocabulary import (
    EMPTY,
    ESCAPES,
    SYMBOLS,
    Symbol,
    Vocabulary,
    VocabularyError,
    make_one_based_key,
)

_MAX_SHOWN_LABELS = 10
"""The maximum number of unseen labels in an error message. Ten labels usually fit on one line."""

_PLAIN = "[^" + "".join(re.escape(value) for value, _ in ESCAPES) + "]+"
"""A pattern that matches values without characters that must be escaped."""


def compute_and_apply_ids(
    x: tf.Tensor,
    vocab_filename: str,
    *,
    closed: bool = False,
    min_count: int = 1,
    max_size: int | None = None,
    symbols: Sequence[Symbol] = (),
) -> tf.Tensor:
    """Makes a vocabulary from the analysed data, and maps strings to its ids, from 1. Call it in a `preprocessing_fn`.

    Args:
      x: Strings, `[N]`. For a ragged tensor, pass its `flat_values`.
      vocab_filename: The name of the vocabulary.
      closed: Whether a value that is not in the vocabulary makes the graph fail, as for labels. If False, such values
        get the last id.
      min_count: The minimum number of times that a value must occur to be an entry.
      max_size: The maximum number of entries. No limit if None.
      symbols: The symbols that get the first ids.

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
    """Makes a vocabulary for `apply_ids` from the analysed strings. Concatenate the strings of several features.

    Args:
      x: Strings, `[N]`.
      vocab_filename: The name of the vocabulary.
      min_count: The minimum number of times that a value must occur to be an entry.
      max_size: The maximum number of entries. No limit if None.
      symbols: The symbols that get the first ids.
      frequencies: Whether to write a second vocabulary, `make_frequencies_name(vocab_filename)`. Each of its lines is a
        count, a space and an entry. The values are counted a second time for it.

    Returns:
      The deferred name of the vocabulary file, as `tft.vocabulary` returns it.
    """
    escaped_strings = _escape(x)
    bounds = {"frequency_threshold": min_count if min_count > 1 else None, "top_k": max_size}
    if frequencies:
        tft.vocabulary(
            escaped_strings, vocab_filename=make_frequencies_name(vocab_filename), store_frequency=True, **bounds
        )
    _mark_one_based(_make_asset_name(vocab_filename))
    symbol_lines = [SYMBOLS[symbol] for symbol in symbols] or None
    return tft.vocabulary(escaped_strings, vocab_filename=vocab_filename, reserved_tokens=symbol_lines, **bounds)


def make_frequencies_name(vocab_filename: str) -> str:
    """Returns the name of the vocabulary whose lines begin with counts."""
    return f"{vocab_filename}_frequencies"


def add_vocabulary_file(path: str, vocab_filename: str, *, symbols: Sequence[Symbol] = ()) -> tf.Tensor:
    """Adds a finished vocabulary to the graph, for `apply_ids`. TFT copies the file and keeps its name.

    Args:
      path: The path of a text file with one value per line, in the order of the ids. See `schemas.vocabulary`.
      vocab_filename: The name of the vocabulary in `TFTransformOutput.vocabulary_by_name`.
      symbols: The symbols that must be in the first lines of the file.

    Returns:
      The path, as a tensor of TFT's outermost graph.

    Raises:
      VocabularyError: if the file does not hold a vocabulary, or holds other symbols.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        symbols_in_file = Vocabulary.from_file(file.read(), path).symbols
    if symbols_in_file != tuple(symbols):
        raise VocabularyError(
            f"{path}: the settings need the symbols {_format_symbols(symbols)} in its first lines; it has "
            f"{_format_symbols(symbols_in_file)}"
        )
    tft.annotate_asset(vocab_filename, os.path.basename(path))
    _mark_one_based(os.path.basename(path))
    with tf.init_scope():
        return tf.constant(path)


def _format_symbols(symbols: Sequence[Symbol]) -> str:
    return ", ".join(SYMBOLS[symbol] for symbol in symbols) or "none"


def share_vocabulary(vocab_filename: str, names: Sequence[str], path: str | None = None) -> None:
    """Adds names under which `TFTransformOutput.vocabulary_by_name` finds a vocabulary.

    Args:
      vocab_filename: The name of the vocabulary.
      names: The names to add.
      path: The path of the file, if `add_vocabulary_file` added the vocabulary, otherwise None.
    """
    asset = _make_asset_name(vocab_filename) if path is None else os.path.basename(path)
    for name in names:
        tft.annotate_asset(name, asset)


def _make_asset_name(vocab_filename: str) -> str:
    """Returns the name of the file that TFT writes. `tft.vocabulary` changes characters in the same way."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "_", vocab_filename))


def _mark_one_based(asset: str) -> None:
    """Marks the ids of a vocabulary as starting at 1. TFT writes the same domain if they start at 0."""
    tft.annotate_asset(make_one_based_key(asset), asset)


def hash_ids(x: tf.Tensor, num_buckets: int) -> tf.Tensor:
    """Maps strings to ids from 1 to `num_buckets` by their hash, the 64-bit fingerprint of FarmHash.

    No vocabulary is made, and different strings may have the same id. There is no id for unseen values, because every
    string has an id.

    Args:
      x: Strings, `[N]`.
      num_buckets: The number of different ids.

    Returns:
      int64 ids, `[N]`, with their domain in the transformed schema.

    Raises:
      ValueError: if `num_buckets` is less than 1.
    """
    if num_buckets < 1:
        raise ValueError(f"`num_buckets` must be at least 1, but is {num_buckets}")
    ids = tf.strings.to_hash_bucket_fast(x, num_buckets) + FIRST_ID
    return set_domain(ids, count_hash_ids(num_buckets))


def count_hash_ids(num_buckets: int) -> int:
    """Returns the number of ids in the domain of `hash_ids`, including padding."""
    return FIRST_ID + num_buckets


def set_domain(ids: tf.Tensor, num_ids: int | tf.Tensor) -> tf.Tensor:
    """Gives int64 ids a domain in the transformed schema. `num_ids` is the number of ids, including padding."""
    # This look-up returns the ids unchanged. It is needed because TFT writes a domain only for the result of a
    # `lookup_fn`.
    return tft.apply_vocabulary(
        ids, tf.constant(""), default_value=PAD_ID, lookup_fn=lambda x, _: (tf.identity(x), tf.cast(num_ids, tf.int64))
    )


def apply_ids(x: tf.Tensor, file: tf.Tensor, *, name: str, closed: bool = False) -> tf.Tensor:
    """Maps strings to the ids, from 1, of a vocabulary.

    Args:
      x: Strings, `[N]`.
      file: The result of `make_vocabulary` or `add_vocabulary_file`.
      name: The name of the feature or of its vocabulary, for error messages.
      closed: Whether a value that is not in the vocabulary makes the graph fail. If False, such values get the last id.

    Returns:
      int64 ids, `[N]`, with their domain in the transformed schema.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs on a value that is not in a closed vocabulary.
    """
    return apply_ids_with_size(x, file, name=name, closed=closed)[0]


def apply_ids_with_size(
    x: tf.Tensor, file: tf.Tensor, *, name: str, closed: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Maps strings to ids as `apply_ids` does. Also returns the number of ids, including padding, for `set_domain`."""
    # TFT returns only the ids that `look_up` returns, so `look_up` also puts the number of ids into this list.
    num_ids = []

    def look_up(values: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Only an eager tensor has the method `numpy`. If the path is one, the file exists, and the table can be made
        # once, outside the traced function.
        is_path_known = tf.inside_function() and hasattr(path, "numpy")
        with tf.init_scope() if is_path_known else contextlib.nullcontext():
            table = _make_table(path, closed)
            size = table.size()
        ids = table.lookup(values) + FIRST_ID
        if closed:
            ids = _refuse_unseen(values, ids, name)
        num_ids.append(size + FIRST_ID)
        return ids, num_ids[0]

    # With a `lookup_fn`, TFT uses `default_value` only as the lower end of the domain.
    return tft.apply_vocabulary(_escape(x), file, default_value=PAD_ID, lookup_fn=look_up), num_ids[0]


def _make_table(path: tf.Tensor, closed: bool) -> tf.lookup.StaticHashTable | tf.lookup.StaticVocabularyTable:
    """Makes a table from the lines of a file to their numbers, from 0.

    For a value that is not in the file, the table of a closed vocabulary returns -1, which becomes the id of padding
    when 1 is added. Other tables return the number of lines, which becomes the last id.
    """
    lines = tf.lookup.TextFileInitializer(
        path,
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    if closed:
        return tf.lookup.StaticHashTable(lines, default_value=PAD_ID - FIRST_ID)
    return tf.lookup.StaticVocabularyTable(lines, num_oov_buckets=1)


def _escape(x: tf.Tensor) -> tf.Tensor:
    """Escapes strings as in the lines of a vocabulary file."""
    # Few values have characters to escape. Finding these values first takes a quarter of the time of making the three
    # replacements in all values.
    positions = tf.where(tf.logical_not(tf.strings.regex_full_match(x, _PLAIN)))
    special = tf.gather_nd(x, positions)
    for value, escaped in ESCAPES:
        special = tf.strings.regex_replace(special, re.escape(value), escaped.replace("\\", "\\\\"))
    return tf.tensor_scatter_nd_update(x, positions, tf.where(tf.equal(special, ""), EMPTY, special))


def _refuse_unseen(values: tf.Tensor, ids: tf.Tensor, name: str) -> tf.Tensor:
    """Returns the ids, and makes the graph fail with a list of values if the label has values without an id."""
    unseen_values, _ = tf.unique(tf.boolean_mask(values, tf.equal(ids, PAD_ID)))
    shown_values = tf.strings.reduce_join(unseen_values[:_MAX_SHOWN_LABELS], separator=", ")
    message = tf.strings.join(
        [f"the label {name!r} has values that the analysed splits ('train' by default) do not have: ", shown_values]
    )
    return ids + make_zero_or_fail(tf.equal(tf.size(unseen_values), 0), message)
