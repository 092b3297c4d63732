"""Records to and from SequenceExamples, and the rejects among them."""
