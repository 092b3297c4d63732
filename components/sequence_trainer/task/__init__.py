"""What a model reads and predicts, as found in a transform graph."""
