"""Examines a data set on its own, without a pipeline: what is in it, and what is wrong with it."""
