"""Writes records as SequenceExamples and reads them back. A record that is not valid becomes a reject with a reason."""
