"""Finds, opens and decompresses input files, and writes output files."""
