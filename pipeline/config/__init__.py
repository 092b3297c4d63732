"""Defines and checks the config of a pipeline, and reads it from a TOML file."""
