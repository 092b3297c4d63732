"""The training loop: updates, early stopping, checkpoints, warm starts."""
