"""Specs to and from TensorFlow Metadata schemas."""
