"""One browser window: the console in attach mode, drawing on stdout for the server that started it.

Everything is told by the environment, so that no password stands in a list of processes.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler_core.settings import Settings


def main() -> int:
    """Runs until the window is closed; the exit code."""
    from bawt_console.launch import start_console
    from bawt_console.output import print_error
    from scheduler_core.errors import SchedulerError

    try:
        return start_console(_read, attach=True, read_only="--read-only" in sys.argv, screen=1)
    except SchedulerError as error:
        print_error(error)
        return error.exit_code


def _read() -> "Settings":
    from scheduler_core.settings import load_settings

    return load_settings()
