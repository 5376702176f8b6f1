"""Logs for machines: one JSON object a line, with the run it is about, and never a secret."""

import json
import logging
from pathlib import Path

import pytest

from bawt_console.logs import JsonLines, PlainLines
from scheduler_core.errors import RunError
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from scheduler_core.tasks.task import JobKind, Task, TaskContext, TaskResult

log = logging.getLogger("host.handler")


class Lines(logging.Handler):
    """What was logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture
def lines() -> Lines:
    return Lines()


async def test_what_is_logged_inside_a_run_carries_its_id(
    database_url: str, tmp_path: Path, lines: Lines
) -> None:
    async def work(task: Task, context: TaskContext) -> TaskResult:
        log.warning('Two lines\nand "quotes"')
        raise RunError("No luck.", retryable=False)

    root = logging.getLogger()
    root.addHandler(lines)
    try:
        settings = Settings(database_url=database_url, data_dir=tmp_path)  # type: ignore[arg-type]
        kind = JobKind(name="nap", handler=work, interval_minutes=60)
        async with open_runtime(settings, kinds=[kind], watch=False) as runtime:
            await runtime.run_due()
            [run] = [each for each in await runtime.history.runs() if each.job_type == "nap"]
    finally:
        root.removeHandler(lines)
    told = [json.loads(line) for line in lines.written]
    [inside] = [each for each in told if each["logger"] == "host.handler"]
    assert inside["message"] == 'Two lines\nand "quotes"'
    assert inside["level"] == "warning"
    assert inside["run_id"] == str(run.id)


def test_outside_of_runs_there_is_no_id_and_a_bug_has_its_trace(lines: Lines) -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "Broken %s", ("thing",), None)
    told = json.loads(lines.format(record))
    assert (told["message"], "run_id" in told, "trace" in told) == ("Broken thing", False, False)
    try:
        raise ValueError("why")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    assert "ValueError: why" in json.loads(lines.format(record))["trace"]


@pytest.mark.parametrize("hidden", ["\x1b[31m", "\x1b]52;c;aGk=\x07", "\x9b31m", "\u202e", "\x07"], ids=ascii)
def test_nothing_that_is_logged_commands_a_terminal(lines: Lines, hidden: str) -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, __file__, 1, "%s fits", (f"we{hidden}ird[b].gguf",), None
    )
    assert "weird[b].gguf fits" in PlainLines().format(record)
    assert json.loads(lines.format(record))["message"] == "weird[b].gguf fits"
    try:
        raise ValueError(f"we{hidden}ird")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    for written in (PlainLines().format(record), json.loads(lines.format(record))["trace"]):
        assert "ValueError: weird" in written
