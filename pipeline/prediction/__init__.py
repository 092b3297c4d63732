"""Asking a pushed model about text or files."""
