"""The options that every benchmark takes."""

import argparse
from pathlib import Path


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with `--json` and `--directory`; the first paragraph of `description` is its help."""
    made = argparse.ArgumentParser(
        description=(description or "").partition("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    made.add_argument("--directory", type=Path, help="where the database is made; the disk decides much")
    return made


def numbers(text: str) -> tuple[int, ...]:
    """`100,1000` as a tuple; underscores are fine."""
    return tuple(int(part) for part in text.split(","))


def positive(text: str) -> int:
    """A whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return value
