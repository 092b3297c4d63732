"""TFX components for sequences of unequal length."""
