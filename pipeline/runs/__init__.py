"""Runs a pipeline on this machine, shows its progress on the terminal, and summarises the results."""
