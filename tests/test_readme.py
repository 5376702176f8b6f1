"""What the README and the guides print can be typed."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bawt_console.cli import cli
from bawt_console.job_orders import ORDERS

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def commands(page: Path) -> Iterator[tuple[str, ...]]:
    """The words of each command in an indented or fenced line; `a | b X` names several of one group."""
    for line in re.findall(
        r"^(?: {4}|\s*)(?:\.venv/bin/)?bawt-console (.*)$", page.read_text(), re.MULTILINE
    ):
        said = re.split(r"\s+#|;| > | 2>|\)", line)[0].strip()
        first, *others = re.split(r" \| (?!bawt-console)", said.split(" | bawt-console")[0])
        words = first.split()
        yield tuple(words)
        group = cli.get_command(click.Context(cli), words[0]) if words else None
        for other in others:
            inside = words[:1] if isinstance(group, click.Group) and len(words) > 1 else []
            named = other.split()
            yield (*([] if named[0] in cli.list_commands(click.Context(cli)) else inside), *named)


ALL = [pytest.param(words, id=" ".join(words)) for page in PAGES for words in commands(page)]


def test_there_are_commands_to_check() -> None:
    assert len(ALL) > 40


@pytest.mark.parametrize("words", ALL)
def test_a_command_that_is_printed_exists(words: tuple[str, ...]) -> None:
    command: click.Command | None = cli
    context = click.Context(cli)
    for word in words:
        if word.startswith("-"):
            option = word.split("=")[0]
            known = {name for each in command.params for name in each.opts} if command else set()
            shared = {name for each in cli.params for name in each.opts}
            assert option == "--" or option in known | shared, f"{words} has no {option}"
            if option == "--":
                return
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None and command is cli and words[0].startswith("-"):
                # The value of an option in front.
                continue
            assert found is not None, f"{words}: there is no {word}"
            command = found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_an_order_that_is_printed_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"`:?sort (\w+)`", page.read_text())}
    assert named
    assert named <= {order.name for order in ORDERS}
