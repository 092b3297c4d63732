"""Heads, which are the layers that predict one label each."""
