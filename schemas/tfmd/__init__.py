"""Writes specs as TensorFlow Metadata schemas, and reads them back."""
