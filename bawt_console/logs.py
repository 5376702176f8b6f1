"""Where the program's log goes: stderr for commands and headless runs, a file while a screen is shown."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bawt_console.formatting import clean
from scheduler_core.tasks.current import current_run_id

if TYPE_CHECKING:
    from scheduler_core.settings import Settings

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a record: at, level, logger, message, a run's run_id, a bug's trace."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _harmless(record.getMessage()),
        }
        if (run_id := current_run_id()) is not None:
            told["run_id"] = str(run_id)
        if record.exc_info:
            told["trace"] = _harmless(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)


class PlainLines(logging.Formatter):
    """Lines for people. Names of files and answers of servers are in them, and a terminal may show them."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        return _harmless(super().format(record))


def _harmless(text: str) -> str:
    return clean(text, limit=len(text))


def start_logging(level: int, *, file: Path | None = None, as_json: bool = False) -> None:
    """Logs to stderr or to `file`; libraries say only what a person should act on."""
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("alembic", "dotenv", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.ERROR)


def log_as_set(settings: "Settings", *, debug: bool, file: Path | None = None) -> None:
    """`start_logging` as the settings say; `debug` logs everything whatever they say."""
    level = logging.DEBUG if debug else logging.getLevelNamesMapping()[settings.log_level.upper()]
    start_logging(level, file=file, as_json=settings.log_format == "json")
