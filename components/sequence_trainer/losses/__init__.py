"""Losses over the real steps of padded sequences."""
