"""Keras metrics over the real steps of padded sequences, which add up exactly over batches."""
