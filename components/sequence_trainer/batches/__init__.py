"""Padded batches of transformed records: what they hold, how records are parsed, planned, padded and masked."""
