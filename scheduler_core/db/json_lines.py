"""JSON lines from foreign hands: bounded in memory, and every bad line named without being quoted.

What the records mean is known to the modules that read them.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, NoReturn, TypeVar

# Bytes of a line.
LONGEST_LINE = 64 * 1024
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 12, 31, tzinfo=UTC)
# What a terminal or an editor would act on is written as an escape; JSON itself covers only C0.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was left out: its number, counted from 1, and why, in one sentence."""

    line: int
    reason: str


class UnfitError(Exception):
    """Carries the reason from the place that finds it to the line."""


def read_records(
    lines: Iterable[bytes | str], read: Callable[[dict[str, object]], Record]
) -> Iterator[Record | Rejected]:
    """What `read` makes of each line, or why it cannot; blank lines are passed over. Never raises.

    Args:
        read: may raise UnfitError.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = _decoded(line)
            if number == 1:
                text = text.removeprefix("\ufeff")
            if text.strip():
                yield read(_parsed(text))
        except UnfitError as unfit:
            yield Rejected(number, str(unfit))


def bounded_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream; of a line longer than `LONGEST_LINE` only as much as shows that it is."""
    while line := stream.readline(LONGEST_LINE + 3):
        whole = line.endswith(b"\n")
        yield line
        while not whole and (rest := stream.readline(LONGEST_LINE)):
            whole = rest.endswith(b"\n")


def json_line(record: dict[str, object]) -> str:
    """The record as a line with its end. Equal records give equal bytes, and a terminal obeys none."""
    text = json.dumps(record, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def json_time(time: datetime) -> str:
    """ISO 8601 in UTC with `Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def time_of(name: str, value: object) -> datetime | None:
    """None stays None; a time without a zone is in UTC.

    Raises:
        UnfitError: it is not a time, or not one that every client can hold.
    """
    if value is None:
        return None
    sentence = f"{name} must be a time such as 2026-03-21T09:30:00Z, from the years 1900 to 2999."
    if not isinstance(value, str):
        raise UnfitError(sentence)
    try:
        time = datetime.fromisoformat(value.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnfitError(sentence) from None
    if not EARLIEST <= time <= LATEST:
        raise UnfitError(sentence)
    return time


def shown(name: str) -> str:
    """A field's name as it may be repeated: only if it looks like one."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", name) else "A field"


def _decoded(line: bytes | str) -> str:
    line = line.rstrip(b"\r\n") if isinstance(line, bytes) else line.rstrip("\r\n")
    size = len(line) if isinstance(line, bytes) else len(line.encode("utf-8", "surrogatepass"))
    if size > LONGEST_LINE:
        raise UnfitError(f"The line is longer than {LONGEST_LINE} bytes.")
    if isinstance(line, str):
        return line
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise UnfitError("The line is not UTF-8.") from None


def _parsed(text: str) -> dict[str, object]:
    try:
        record = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise UnfitError("The line is nested too deeply.") from None
    except ValueError:
        # Its message would quote the line.
        raise UnfitError("The line is not valid JSON.") from None
    if not isinstance(record, dict):
        raise UnfitError("The line is not a JSON object.")
    return record


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnfitError(f"{shown(twice)} is given twice.")
    return record


def _no_constant(name: str) -> NoReturn:
    raise UnfitError(f"{name} is not a JSON number.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UnfitError("A number is too large.")
    return value
