"""Writes records as SequenceExamples, reads them back, and says why a record was not accepted."""
