"""Padded batches of transformed records: parsing, planning, masks."""
