"""The commands of the command line, one a module: its arguments, and what it does.

A module has `HELP` and `DESCRIPTION`, `add_arguments(parser)`, and `main(arguments)`, which returns the exit code. A
row in `cli.COMMANDS` gives it its name. Modules import little at the top, so that `--help` and mistakes in arguments
are answered without waiting for TensorFlow.
"""

__all__: list[str] = []
