"""Reads, converts and writes the SequenceExamples of Transform, many records at a time."""
