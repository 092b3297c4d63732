"""Functions that add ops, vocabularies and checks to a transform graph."""
