"""Helpers that all commands share: tables, exit codes, quiet libraries, readable errors."""
