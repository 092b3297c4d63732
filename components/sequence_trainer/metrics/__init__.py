"""Keras metrics over the real steps of padded sequences, whose results do not depend on how the data is batched."""
