"""Masks of padded batches against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches import masking

LENGTHS = np.array([0, 3, 2, 5])
STEPS = 5
MASK = np.arange(STEPS) < LENGTHS[:, None]


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_step_mask_is_true_for_the_first_steps_of_each_sequence(dtype: tf.DType) -> None:
    np.testing.assert_array_equal(masking.make_step_mask(tf.constant(LENGTHS, dtype), STEPS), MASK)


@pytest.mark.parametrize("shape", [(4, STEPS), (4, STEPS, 3)])
def test_zero_padding_puts_0_at_padded_steps_when_they_hold_nan(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    real = MASK.reshape(MASK.shape + (1,) * (len(shape) - 2))
    poisoned = tf.Variable(np.where(real, values, np.nan))
    with tf.GradientTape() as tape:
        kept = masking.zero_padding(poisoned, tf.constant(MASK))
        total = tf.reduce_sum(kept**2)
    np.testing.assert_array_equal(kept, np.where(real, values, 0))
    # The gradient of x ** 2 is 2 x at real steps, and 0, not NaN, at padded ones.
    np.testing.assert_allclose(tape.gradient(total, poisoned), np.where(real, 2 * values, 0), rtol=1e-6)


def test_classes_start_at_0_when_ids_start_at_1() -> None:
    ids = np.random.default_rng(1).integers(1, 9, size=MASK.shape)
    expected = np.where(MASK, ids - 1, 0)
    for padding in (0, 77):
        found = masking.convert_to_classes(tf.constant(np.where(MASK, ids, padding)), tf.constant(MASK))
        np.testing.assert_array_equal(found, expected)


def test_classes_are_refused_when_labels_are_not_integers() -> None:
    with pytest.raises(TypeError, match="labels must be ids from 1, integers, but have the type float32"):
        masking.convert_to_classes(tf.ones(MASK.shape), tf.constant(MASK))
