"""Checks records against a schema. Each rule finds the records that break it, and gives a reason."""
