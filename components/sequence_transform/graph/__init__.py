"""Ops and vocabularies of the transform graph."""
