"""Checks records against a schema, by rules with reasons."""
