"""Losses over the real steps of padded sequences, each a sum and its divisor."""
