"""Trains a model: weight updates, early stopping, checkpoints and warm starts."""
