"""Defines the command-line arguments that describe the input data, which several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.spec import MAX_COUNT


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that describe the format and the features of data. Each command adds its own for the files."""
    group = parser.add_argument_group("description of the data")
    group.add_argument(
        "--format",
        metavar="F",
        help=f"the format: {', '.join(READERS.rows)}, or the format of a plug-in; if not given, the names of the files "
        "determine it, or else their first bytes",
    )
    group.add_argument(
        "--feature",
        metavar="NAME=KIND[,KEY=VALUE...]",
        action="append",
        default=[],
        help="a feature, with the keys of docs/configuration.md, such as tags=categorical,role=label,source=upos; may "
        "be repeated; if not given, the features are discovered in the data",
    )
    group.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the reader, such as group_by=user; may be repeated",
    )
    group.add_argument(
        "--encoding", metavar="E", help="the encoding of files of text, such as latin-1; if not given, utf-8"
    )
    group.add_argument("--config", metavar="FILE", help="take the format, the options and the features from a config")
    add_span_argument(parser)


def add_span_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the argument `--span` of the commands that read a config."""
    parser.add_argument(
        "--span",
        metavar="N",
        type=make_count_parser(0),
        help="the span to read, if the files of the config have a place for one, such as {SPAN} (default: the latest)",
    )


def make_count_parser(minimum: int, maximum: int = MAX_COUNT) -> Callable[[str], int]:
    """Returns a function for `add_argument(type=...)`, which parses an integer in a range."""

    def parse_count(text: str) -> int:
        # `int` alone also reads 1_000, blanks and digits of other scripts.
        is_count = text.isascii() and text.isdecimal() and len(text) <= len(str(maximum))
        if not (is_count and minimum <= int(text) <= maximum):
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer from {minimum} to {maximum}")
        return int(text)

    return parse_count
