"""Converts specs to TensorFlow Metadata (TFMD) schemas, and reads specs from schemas."""
