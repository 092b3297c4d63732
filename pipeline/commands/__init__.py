"""Implements the commands of the command line, one per module.

A module defines the texts `HELP` and `DESCRIPTION`, the function `add_arguments(parser)`, and the function
`main(arguments)`, which returns the exit code. `cli.COMMANDS` has the name of each command. A module imports TensorFlow
and Beam only inside functions, because they take seconds to load: `--help` and errors in arguments do not wait for
them.
"""

__all__: list[str] = []
