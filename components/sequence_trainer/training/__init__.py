"""The training loop: weight updates, early stopping, checkpoints and warm starts."""
