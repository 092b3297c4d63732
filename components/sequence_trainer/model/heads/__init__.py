"""Heads: the layers that each predict one label."""
