"""Streaming Keras metrics over the real steps of padded sequences."""
