"""The ops and vocabularies of which a transform graph is made."""
