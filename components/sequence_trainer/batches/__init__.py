"""Padded batches of transformed records: their contents, and the parsing, planning, padding and masking of records."""
