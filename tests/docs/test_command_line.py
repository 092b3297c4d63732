"""docs/command_line.md has every command, with the arguments that it takes."""

from __future__ import annotations

import argparse
import re

import pytest
from support.paths import ROOT

from tfx_sequence.pipeline.cli import COMMANDS

TEXT = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `tfx-sequence (.+?)` \|", TEXT, re.MULTILINE)


def read_parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"tfx-sequence {name}")
    COMMANDS[name].add_arguments(parser)
    return parser


def test_table_has_the_commands_and_no_others() -> None:
    assert {row.split()[0] for row in ROWS} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_command_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    assert command.HELP.strip()
    assert len(command.DESCRIPTION) > len(command.HELP)
    assert f"tfx-sequence {name}" in read_parser(name).format_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_options_that_the_page_shows_are_those_of_the_command(name: str) -> None:
    shown = {
        option
        for line in re.findall(rf"tfx-sequence {name} [^`\n]*", TEXT)
        for option in re.findall(r"(?<=\s)--[a-z-]+", line.split("#")[0])
    }
    subparsers = [action for action in read_parser(name)._actions if isinstance(action, argparse._SubParsersAction)]
    parsers = [read_parser(name), *(parser for action in subparsers for parser in action.choices.values())]
    assert shown <= {option for parser in parsers for option in parser._option_string_actions}
