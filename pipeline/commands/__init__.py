"""The commands of the command line, one a module: its arguments, and what it does."""

__all__: list[str] = []
