"""The inputs and labels of a model, which are read from a transform graph."""
