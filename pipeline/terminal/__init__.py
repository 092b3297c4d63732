"""Provides what all commands use: tables, exit codes, a log for the output of libraries, and readable errors."""
