"""What the command line prints: one JSON object a line for machines, aligned columns for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

from bawt_console.formatting import clean

if TYPE_CHECKING:
    from scheduler_core.errors import SchedulerError


def plain(value: object) -> Any:
    """A JSON-ready copy: dataclasses become objects, times ISO 8601 in UTC, ids text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID | Path | StrEnum):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def print_json(value: object) -> None:
    """One object on one line. JSON escapes control characters, so nothing reaches a terminal raw."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=True) + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """One line for people; control characters of foreign text are dropped."""
    _write(sys.stdout, clean(text) + "\n")


def print_text(text: str) -> None:
    """A piece of a line that is still coming, cleaned like a whole one and shown at once."""
    _write(sys.stdout, clean(text))


def print_note(text: str) -> None:
    """One line on stderr: stdout holds results only."""
    _write(sys.stderr, clean(text) + "\n")


def print_error(error: "SchedulerError") -> None:
    """The sentence of an error on stderr, with its id where a log may tell more."""
    print_note(f"error: {error} [{error.error_id}]" if error.has_more_in_log else f"error: {error}")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two spaces apart."""
    cells = [list(head), *([clean(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _write(sys.stdout, padded.rstrip() + "\n")


def _write(stream: TextIO, text: str) -> None:
    """A terminal that cannot show a letter gets a question mark rather than an error."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
