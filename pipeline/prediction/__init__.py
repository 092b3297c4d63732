"""Asks a pushed model for labels of sentences, or for answers about files of records."""
