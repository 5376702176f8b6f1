"""One browser window: the console in attach mode, drawing on stdout for the server that started it.

Everything is told by the environment, so that no password stands in a list of processes.
"""

import logging
import os
import sys


def main() -> int:
    """Runs until the window is closed; the exit code."""
    from bawt_console.launch import start_console
    from bawt_console.output import print_note
    from scheduler_core.errors import SchedulerError
    from scheduler_core.settings import load_settings, unknown_variables

    try:
        settings = load_settings()
        return start_console(
            settings,
            attach=True,
            read_only="--read-only" in sys.argv,
            log_level=logging.getLevelNamesMapping()[settings.log_level.upper()],
            warnings=unknown_variables(os.environ),
            screen=1,
        )
    except SchedulerError as error:
        print_note(f"error: {error} [{error.error_id}]")
        return error.exit_code
