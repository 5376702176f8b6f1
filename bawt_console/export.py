"""Writes rows to a file as CSV or JSON lines. An existing file stays as it is, and none is left half written.

What is written may be about people, so the file is its owner's alone.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from bawt_console.output import plain
from scheduler_core.errors import ConfigError

Rows = Sequence[Mapping[str, object]]

# Spreadsheets run what begins like this; a quote in front makes it text.
_FORMULA = re.compile(r"[=+\-@\t\r]")


def export_rows(rows: Rows, name: str) -> Path:
    """Writes all rows; the ending of the name decides how.

    Raises:
        ConfigError: the ending is another, the file is there already, or it cannot be written.
    """
    try:
        path = Path(name).expanduser().absolute()
    except RuntimeError:
        who = name[:40].partition("/")[0]
        raise ConfigError(f"Nobody here is called {who}.", "Write the whole path.") from None
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ConfigError("A file for export ends in .csv or .jsonl.", "Write for example: export runs.csv")
    try:
        path.touch(0o600, exist_ok=False)
        try:
            _write(rows, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise ConfigError(f"{path} is there already.", "Choose another name; nothing was written.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{path} cannot be written: {reason}.", "Choose another place.") from None
    return path


def _write(rows: Rows, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix.lower() == ".csv":
            _write_csv(rows, file)
        else:
            file.writelines(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)


def _write_csv(rows: Rows, file: TextIO) -> None:
    writer = csv.writer(file)
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(plain(row.get(name))) for name in names])


def _cell(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if _FORMULA.match(text) else text
