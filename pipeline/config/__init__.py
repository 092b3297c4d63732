"""The pipeline's config: its tables, its checks, and the file it is read from."""
