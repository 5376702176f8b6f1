"""Puts the picture back when a process goes on that somebody stopped from outside.

The library (8.2) knows ctrl+z, before which it gives the terminal back. At a SIGSTOP it cannot: when the
process goes on, it would start a second reader of keys beside the first, and leave what a shell wrote there.
"""

import asyncio
import signal
from types import FrameType

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


def repaint_when_continued(app: App[int]) -> None:
    """From now on the app takes its terminal anew at each SIGCONT. To be called on the main thread."""
    driver, before = app._driver, signal.getsignal(signal.SIGCONT)
    if not isinstance(driver, LinuxDriver) or not callable(before):
        return
    loop = asyncio.get_running_loop()

    def continued(number: int, frame: FrameType | None) -> None:
        if app.return_code is not None:
            return
        if driver._auto_restart and not driver._must_signal_resume:
            driver.suspend_application_mode()
        before(number, frame)
        loop.call_soon_threadsafe(app.refresh)

    signal.signal(signal.SIGCONT, continued)
