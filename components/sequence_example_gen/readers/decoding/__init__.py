"""Decodes the content of files to Python values, so that a fault in one value is a fault of one record."""
