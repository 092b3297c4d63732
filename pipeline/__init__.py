"""A whole pipeline from one config: the runner, the progress display, the command line."""
