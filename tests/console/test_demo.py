"""The demo: a month that holds together, on the real database, and nothing left of it afterwards."""

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pyte
import pytest
from pydantic import SecretStr

from bawt_console.cli import run
from bawt_console.demo import place
from bawt_console.demo.data import fill
from bawt_console.demo.live import Life
from bawt_console.demo.model import ScriptedModel
from scheduler_core.db.audit import audit
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.embedded.server import EmbeddedServer
from scheduler_core.db.migration import migrate
from scheduler_core.db.operations import Operations
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from tests.console.standing_still import NOW, stand_still
from tests.postgres import run_statement

# psutil carries no types.
_processes: Any = psutil


def is_alive(process: int) -> bool:
    """Whether it runs; a dead one that nobody has buried does not."""
    try:
        return bool(_processes.Process(process).status() != _processes.STATUS_ZOMBIE)
    except _processes.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def month(postgres: EmbeddedServer) -> Iterator[str]:
    """The URL of a database with the month in it, up to `NOW`, that tests only read."""
    name = "demo_month"
    run_statement(postgres, f"CREATE DATABASE {name}")
    url = postgres.url_of(name)

    async def make() -> None:
        address = Address.parse(url)
        database = Database.open(address, pool_size=2, application="tests")
        await migrate(database)
        await fill(database, now=NOW)
        await database.aclose()

    asyncio.run(make())
    yield url
    run_statement(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(sql)]


@pytest.mark.parametrize(
    "command",
    [
        "jobs list",
        "runs list",
        "profiles show user/ada",
        "profiles export",
        "memories list",
        "memories list --state archived",
        "memories list --state merged",
        "why profile_maintenance",
        "audit",
    ],
)
def test_every_listing_works_on_the_month(
    month: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--database-url", month, *command.split()]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 2 or command == "audit"


async def test_the_month_is_exact_and_has_everything_a_month_has(database: Database) -> None:
    await fill(database, now=datetime.now(UTC))
    report = await audit(database, history_days=90, grace=30.0)
    assert report.is_exact
    assert report.due > 2_000
    [counts] = await rows(
        database,
        "SELECT count(*) FILTER (WHERE status = 'failed' AND error_message LIKE 'Node lost%'),"
        " count(*) FILTER (WHERE attempt > 1), count(*) FILTER (WHERE suspicious <> '{}'),"
        " count(*) FILTER (WHERE coalesced > 0), count(*) FILTER (WHERE reason LIKE 'backing off%'),"
        " count(*) FILTER (WHERE mode = 'undo'), count(*) FILTER (WHERE mode = 'dry_run'),"
        " count(DISTINCT node_id) - 2 FROM job_runs",
    )
    assert all(count > 0 for count in counts), counts
    for table, least in (
        ("entity_profile_versions", 60),
        ("entity_profile_drafts", 1),
        ("memories", 1000),
        ("memory_merges", 500),
        ("operator_actions", 15),
        ("job_run_events", 1000),
        ("run_plans", 1),
    ):
        [(found,)] = await rows(database, f"SELECT count(*) FROM {table}")
        assert found >= least, table


@pytest.fixture
def twin_url(postgres: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """The URL of another database with the schema."""
    name = "demo_twin"
    run_statement(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    yield postgres.url_of(name)
    run_statement(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def test_the_same_seed_gives_the_same_month(database: Database, twin_url: str) -> None:
    # What is worth keeping changes with every second that passes between the two.
    one = await stand_still(database)
    twin = Database.open(Address.parse(twin_url), pool_size=2, application="tests")
    other = await stand_still(twin)
    await fill(one, now=NOW)
    await fill(other, now=NOW)
    for table in (
        "scheduled_jobs",
        "job_runs",
        "job_run_events",
        "scheduler_nodes",
        "operator_actions",
        "entity_profiles",
        "entity_profile_versions",
        "memories",
        "memory_archive",
        "memory_merges",
    ):
        sql = f"SELECT t::text FROM {table} t ORDER BY 1"
        assert await rows(one, sql) == await rows(other, sql), table
    for each in (one, other, twin):
        await each.aclose()


async def test_every_run_that_changed_something_can_be_undone_while_nothing_stands_on_it(
    database: Database, database_url: str
) -> None:
    await fill(database, now=datetime.now(UTC))
    latest = await rows(
        database,
        "SELECT DISTINCT ON (job_type) id FROM job_runs WHERE status = 'success' AND mode = 'run'"
        " ORDER BY job_type, started_at DESC",
    )
    operations = Operations(database, actor="tests")
    undoings = [await operations.undo(run_id) for (run_id,) in latest]
    await rows(database, "UPDATE scheduled_jobs SET enabled = false")
    settings = Settings(database_url=SecretStr(database_url))
    async with open_runtime(settings, model=ScriptedModel(), watch=False) as runtime:
        await runtime.run_due()
        done = await runtime.history.runs_by_id([run.id for run in undoings])
    assert [(run.status, run.error_message) for run in done] == [("success", None)] * 3


async def test_what_people_say_while_it_runs_is_maintained_and_consolidated(
    database: Database, database_url: str
) -> None:
    await fill(database, now=datetime.now(UTC))
    life = Life(database, seed=1)
    for _ in range(2):
        await life.talk()
    model = ScriptedModel(tokens_per_second=1e9, first_token=0.0)
    async with open_runtime(
        Settings(database_url=SecretStr(database_url)), model=model, watch=False
    ) as runtime:
        await runtime.run_due()
    ended = await rows(
        database,
        "SELECT job_type, bot_id, status FROM job_runs WHERE created_at > now() - interval '1 minute'"
        " AND status <> 'skipped' ORDER BY 1",
    )
    assert ended == [("memory_consolidation", "nova", "success"), ("profile_maintenance", "*", "success")]


class TestItsPlace:
    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def test_a_folder_is_gone_after_leaving(self) -> None:
        with place.demo_folder() as folder:
            (folder / "state").mkdir()
        assert not folder.exists()

    def test_the_folder_of_a_demo_that_runs_is_left_alone(self) -> None:
        with place.demo_folder() as one, place.demo_folder() as other:
            assert one.is_dir()
            assert other.is_dir()

    def test_leftovers_are_removed_and_links_and_other_folders_stay(self, tmp_path: Path) -> None:
        own, left = tmp_path / "mine", tmp_path / f"{place.PREFIX}left"
        own.mkdir()
        left.mkdir()
        (left / "file").touch()
        (tmp_path / f"{place.PREFIX}link").symlink_to(own)
        assert place.remove_leftovers() == 1
        assert own.is_dir()
        assert not left.exists()


@pytest.mark.slow
class TestAsAProgram:
    """The whole program on a pseudo-terminal."""

    @pytest.fixture
    def elsewhere(self) -> Iterator[Path]:
        """A folder for temporary files that the server's account may pass through."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o711)
            yield Path(folder)

    @staticmethod
    def start(elsewhere: Path, home: Path) -> tuple[int, int]:
        """Its process id and the terminal's other end."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(elsewhere)}
        environment |= {"TERM": "xterm-256color", "LLM_BAWT_DATA_DIR": str(home / "own"), "COLUMNS": "160"}
        pid, terminal = pty.fork()
        if pid == 0:
            command = "from bawt_console.cli import main; main()"
            os.execve(sys.executable, [sys.executable, "-c", command, "demo"], environment)  # noqa: S606 - the test itself becomes the program
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        return pid, terminal

    @staticmethod
    def wait_for(terminal: int, words: str) -> None:
        seen, deadline = "", time.monotonic() + 60
        screen = pyte.Screen(160, 40)
        stream = pyte.ByteStream(screen)
        while words not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([terminal], [], [], 1.0)[0]:
                stream.feed(os.read(terminal, 65536))
                seen = "\n".join(screen.display)

    @staticmethod
    def drained(pid: int, terminal: int) -> int:
        """Its exit status; what it still writes is read, so that it can."""
        while True:
            try:
                if not os.read(terminal, 65536):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @pytest.mark.parametrize("how", ["q", "SIGTERM"])
    def test_nothing_is_left_after_leaving_and_nothing_of_the_persons_own_is_touched(
        self, elsewhere: Path, tmp_path: Path, how: str
    ) -> None:
        pid, terminal = self.start(elsewhere, tmp_path)
        self.wait_for(terminal, "running on 2 nodes")
        [folder] = elsewhere.glob(f"{place.PREFIX}*")
        server = int((folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        if how == "q":
            os.write(terminal, b"q")
        else:
            os.kill(pid, signal.SIGTERM)
        assert self.drained(pid, terminal) == 0
        assert list(elsewhere.iterdir()) == []
        # Dead is enough: its adoptive parent may take its time to bury it.
        assert not is_alive(server)
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_demo_left_is_removed_by_the_next(
        self, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid, terminal = self.start(elsewhere, tmp_path)
        self.wait_for(terminal, "running on")
        [folder] = elsewhere.glob(f"{place.PREFIX}*")
        server = int((folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        self.drained(pid, terminal)
        monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
        assert place.remove_leftovers() == 1
        assert list(elsewhere.iterdir()) == []
        assert not is_alive(server)
