"""Reads, validates and describes data of any format, for the commands that work without a pipeline."""
