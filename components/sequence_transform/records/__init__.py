"""SequenceExamples in and out of Transform, a batch at a time."""
