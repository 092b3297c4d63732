"""Discovers the features of files without a spec, and summarizes the content of TFRecord files."""
