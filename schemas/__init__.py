"""What a sequence dataset is: the typed spec, its schema, and records in and out of SequenceExamples."""
