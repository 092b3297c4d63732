"""SequenceExamples on their way into and out of Transform, a batch at a time."""
