"""Asking a pushed model about text, or about files of records."""
