"""Defines the command-line arguments by which all commands describe data."""

from __future__ import annotations

import argparse

from tfx_sequence.components.sequence_example_gen.readers.table import READERS, SEQUENCE_EXAMPLE


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that describe data; the files themselves are arguments of each command."""
    group = parser.add_argument_group("what the data is")
    group.add_argument(
        "--format",
        metavar="F",
        help=f"{', '.join(READERS.rows)}, or a plug-in's; if not given, what the files' names say, or else "
        f"{SEQUENCE_EXAMPLE} (TFRecords)",
    )
    group.add_argument(
        "--feature",
        metavar="NAME=KIND[,KEY=VALUE...]",
        action="append",
        default=[],
        help="a feature, with the keys of docs/configuration.md, such as tags=categorical,role=label,source=upos; may "
        "be repeated; if none is given, the features are found in the data",
    )
    group.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the reader, such as group_by=user; may be repeated",
    )
    group.add_argument(
        "--config", metavar="FILE", help="take format, options and features from the [data] and [features] of a config"
    )
