"""Where the program's log goes: stderr for commands and headless runs, a file while a screen is shown."""

import logging
import sys
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def start_logging(level: int, *, file: Path | None = None) -> None:
    """Logs to stderr or to `file`; libraries say only what a person should act on."""
    if file is None:
        logging.basicConfig(level=level, stream=sys.stderr, format=_FORMAT, force=True)
    else:
        logging.basicConfig(level=level, filename=file, format=_FORMAT, force=True)
    for name in ("alembic", "dotenv"):
        logging.getLogger(name).setLevel(logging.ERROR)
