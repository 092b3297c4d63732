"""Checks of records against a spec."""
