"""One reader for each file format, and the table that lists them."""
