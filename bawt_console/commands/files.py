"""Files named on the command line; `-` is stdin."""

import sys
from pathlib import Path
from typing import BinaryIO

from scheduler_core.errors import ConfigError


def require_file(path: Path) -> None:
    """Said before a database is started for nothing.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", "Check the name and its permissions."
        ) from None


def opened(file: str) -> BinaryIO:
    return sys.stdin.buffer if file == "-" else Path(file).open("rb")
