"""Every command that the guide to maintenance prints is one that the program takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from bawt_console.cli import cli

GUIDE = Path(__file__).parent.parent / "docs" / "maintenance.md"
COMMANDS = re.findall(r"^    bawt-console (.*?)(?:  +#.*)?$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_guide_prints_commands() -> None:
    assert any(line.startswith("profiles forget") for line in COMMANDS)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_printed_command_is_taken(line: str) -> None:
    words = shlex.split(line)
    command: click.Command = cli
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    command.make_context(command.name, words)
