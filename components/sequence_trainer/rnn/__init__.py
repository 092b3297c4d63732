"""Recurrent cells, and the loops and layers that run them over sequences of different lengths."""
