"""Losses over the real steps of padded sequences. Each loss is a sum and its divisor."""
