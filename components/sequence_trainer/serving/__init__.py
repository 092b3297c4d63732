"""Export of a trained network as a SavedModel with its signatures."""
