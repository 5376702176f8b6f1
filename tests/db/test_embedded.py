"""The embedded PostgreSQL, always the real one: who may start it, who shares it, and what it survives."""

import asyncio
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from scheduler_core.db.embedded.postmaster import find_postmaster
from scheduler_core.db.embedded.server import EmbeddedServer, embedded_server, revive
from tests.db.holder import Holder
from tests.postgres import kill_server, reachable_directory

IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")


@pytest.fixture
def place() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    """Starts holders; those still there at the end are killed."""
    with ExitStack() as started:
        yield lambda *args, **options: started.enter_context(closing(Holder(*args, **options)))


async def ask(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def is_running(data_dir: Path) -> bool:
    return find_postmaster(data_dir / "postgres" / "cluster") is not None


def exists(directory: Path, pattern: str) -> bool:
    return any(directory.glob(pattern))


def standard_files(pid: int) -> list[str]:
    """The names of what a process has as its standard input, output and error."""
    try:
        return [Path(f"/proc/{pid}/fd/{number}").readlink().name for number in range(3)]
    except PermissionError:
        pytest.skip("root may not look at other users' processes here")


async def appearing(directory: Path, pattern: str) -> None:
    """Waits for a path; the suite's time limit ends a vain wait."""
    while not exists(directory, pattern):  # noqa: ASYNC110  (another process makes it; there is no event)
        await asyncio.sleep(0)


@contextmanager
def stranger(*, owner: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the user who owns the path, with nothing to do with PostgreSQL."""
    status = owner.stat()
    spawn: dict[str, Any] = {"user": status.st_uid, "group": status.st_gid} if IS_ROOT else {}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd="/", **spawn) as process:
        yield process


async def test_the_url_serves_asyncpg_sqlalchemy_and_psql(postgres: EmbeddedServer) -> None:
    assert await ask(postgres.url, "SELECT current_database()") == "llm_bawt"
    engine = create_async_engine(make_url(postgres.url).set(drivername="postgresql+asyncpg"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await engine.dispose()


def test_psql_finds_the_server_whatever_the_environment_says(
    postgres: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    told = subprocess.run(
        [postgres.psql, "-XAtc", "SELECT current_user, current_database()"],
        env=postgres.psql_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "llm_bawt|llm_bawt\n"


async def test_an_empty_database_is_empty_and_its_own(empty_database: str, postgres: EmbeddedServer) -> None:
    assert await ask(empty_database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert await ask(empty_database, "SELECT current_database()") != postgres.database


async def test_settings_for_other_servers_do_not_disturb_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"PGHOST": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGDATABASE": "x", "PGDATA": "/x"}
    settings |= {"PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "read-only", "PGOPTIONS": "-cx=1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with embedded_server(place / "data") as server:
        assert server.socket_dir == place / "data/postgres/socket"


async def test_it_is_utf8_with_checksums_and_no_network(postgres: EmbeddedServer) -> None:
    assert await ask(postgres.url, "SHOW server_encoding") == "UTF8"
    assert await ask(postgres.url, "SHOW data_checksums") == "on"
    assert await ask(postgres.url, "SHOW listen_addresses") == ""
    assert await ask(postgres.url, "SHOW log_min_messages") == "log"
    assert await ask(postgres.url, "SELECT upper('ärger')") == "ÄRGER"
    assert await ask(postgres.url, "SELECT 'Z' < 'a'") is True
    assert postgres.socket_dir.stat().st_mode & 0o777 == 0o700


async def test_neither_statements_nor_values_reach_the_log(postgres: EmbeddedServer) -> None:
    for statement in (
        "SELECT 'violet sky'::int",
        "SELECT violet_sky()",
        "DO $$BEGIN RAISE 'violet sky'; END$$",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await ask(postgres.url, statement)
    log = (postgres.data_dir / "logs" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "violet" not in log


async def test_data_survives_a_restart_and_the_last_one_out_stops_it(place: Path) -> None:
    async with embedded_server(place / "data") as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        async with embedded_server(place / "data") as second:
            assert second == server
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    assert not is_running(place / "data")
    async with embedded_server(place / "data") as server:
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    assert not is_running(place / "data")


def test_a_second_process_attaches_and_may_outlive_the_first(
    place: Path, hold: Callable[..., Holder]
) -> None:
    first, second = hold(place / "data"), hold(place / "data")
    assert first.answer() == second.answer()
    assert first.end() == 0
    assert is_running(place / "data")
    assert second.end() == 0
    assert not is_running(place / "data")


def test_many_processes_may_start_at_the_same_moment(place: Path, hold: Callable[..., Holder]) -> None:
    holders = [hold(place / "data") for _ in range(4)]
    assert len({holder.answer()["url"] for holder in holders}) == 1
    assert [holder.end() for holder in holders] == [0, 0, 0, 0]
    assert not is_running(place / "data")


async def test_a_killed_process_leaves_a_server_that_the_next_one_attaches_to_and_stops(
    place: Path, hold: Callable[..., Holder]
) -> None:
    first = hold(place / "data")
    await ask(first.answer()["url"], "CREATE TABLE kept AS SELECT 42 AS answer")
    first.kill()
    started = (place / "data/postgres/cluster/postmaster.pid").read_text()
    async with embedded_server(place / "data") as server:
        assert (place / "data/postgres/cluster/postmaster.pid").read_text() == started
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    assert not is_running(place / "data")


async def test_data_survives_when_everything_is_killed(place: Path, hold: Callable[..., Holder]) -> None:
    first = hold(place / "data")
    await ask(first.answer()["url"], "CREATE TABLE kept AS SELECT 42 AS answer")
    first.kill()
    kill_server(place / "data/postgres/cluster")
    async with embedded_server(place / "data") as server:
        assert await ask(server.url, "SELECT answer FROM kept") == 42


async def test_a_lock_file_that_names_an_unrelated_process_does_not_stop_a_start(
    place: Path, hold: Callable[..., Holder]
) -> None:
    """After a reboot the old process id may belong to anybody, most of all in a container."""
    first = hold(place / "data")
    sockets = Path(first.answer()["sockets"])
    first.kill()
    cluster = place / "data/postgres/cluster"
    kill_server(cluster)
    with stranger(owner=cluster) as process:
        for file in (cluster / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            lines = file.read_text().splitlines()
            file.write_text("\n".join([str(process.pid), *lines[1:], ""]))
        async with embedded_server(place / "data") as server:
            assert await ask(server.url, "SELECT 1") == 1
        assert process.poll() is None


async def test_a_killed_preparation_does_not_spoil_the_directory(
    place: Path, hold: Callable[..., Holder]
) -> None:
    first = hold(place / "data")
    home = place / "data" / "postgres"
    await appearing(place / "data", "postgres/cluster.new-*/base")
    first.kill()
    assert not (home / "cluster").exists()
    async with embedded_server(place / "data") as server:
        assert await ask(server.url, "SELECT 1") == 1
        assert not [*home.glob("cluster.new-*")]


async def test_a_cancelled_start_leaves_nothing_running(place: Path) -> None:
    async def use() -> None:
        async with embedded_server(place / "data"):
            raise AssertionError("reached")

    for sign in ("postgres/start.lock", "postgres/cluster.new-*/base", "postgres/cluster/postmaster.pid"):
        task = asyncio.create_task(use())
        await appearing(place / "data", sign)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not is_running(place / "data")
    async with embedded_server(place / "data") as server:
        assert await ask(server.url, "SELECT 1") == 1


async def test_the_terminals_interrupt_does_not_reach_the_server(place: Path) -> None:
    async with embedded_server(place / "data"):
        pid = int((place / "data/postgres/cluster/postmaster.pid").read_text().split()[0])
        assert os.getsid(pid) == pid != os.getsid(0)
        assert standard_files(pid) == ["null", "postgres.log", "postgres.log"]


@contextmanager
def forked_child() -> Iterator[None]:
    """A copy of this process that lives until the end of the block."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        yield
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(child, 0)


async def test_a_forked_child_does_not_keep_the_server_alive(place: Path) -> None:
    with ExitStack() as children:
        async with embedded_server(place / "data"):
            children.enter_context(forked_child())
        assert not is_running(place / "data")


async def test_a_server_that_died_in_use_is_revived_with_its_data(place: Path) -> None:
    async with embedded_server(place / "data") as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        kill_server(place / "data/postgres/cluster")
        await revive(server)
        await revive(server)
        assert await ask(server.url, "SELECT answer FROM kept") == 42
    assert not is_running(place / "data")


@pytest.mark.parametrize("name", ["x" * 100, 'comma, and "quotes"'])
def test_a_path_no_socket_can_have_still_works(place: Path, hold: Callable[..., Holder], name: str) -> None:
    data_dir = place / name
    first = hold(data_dir, XDG_RUNTIME_DIR="", TMPDIR=os.fspath(place))
    sockets = Path(first.answer()["sockets"])
    assert sockets.parent == place
    assert sockets.stat().st_mode & 0o777 == 0o700
    # Another environment would choose another directory; it must find the running server all the same.
    second = hold(data_dir, XDG_RUNTIME_DIR="", TMPDIR="/tmp")
    assert second.answer()["sockets"] == os.fspath(sockets)
    assert (first.end(), second.end()) == (0, 0)
    assert not sockets.exists()


@only_root
def test_a_plain_user_starts_it_and_others_cannot_enter(place: Path, hold: Callable[..., Holder]) -> None:
    os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
    holder = hold(place / "data", user="nobody")
    assert "url" in holder.answer()
    status = (place / "data").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 0o700)
    assert holder.end() == 0


@only_root
def test_two_users_work_at_the_same_time(place: Path, hold: Callable[..., Holder]) -> None:
    holders = []
    for name in ("nobody", "daemon"):
        # Long enough that both sockets go to the shared temporary directory.
        home = place / name / ("x" * 90)
        home.mkdir(parents=True)
        os.chown(home, pwd.getpwnam(name).pw_uid, -1)
        holders.append(hold(home, user=name, XDG_RUNTIME_DIR="", TMPDIR="/tmp"))
    answers = [holder.answer() for holder in holders]
    assert len({answer["url"] for answer in answers}) == 2
    assert [holder.end() for holder in holders] == [0, 0]


@only_root
async def test_root_runs_it_as_the_owner_of_the_data_so_that_the_owner_can_go_on(
    place: Path, hold: Callable[..., Holder]
) -> None:
    (place / "data").mkdir(0o700)
    os.chown(place / "data", pwd.getpwnam("daemon").pw_uid, pwd.getpwnam("daemon").pw_gid)
    async with embedded_server(place / "data") as server:
        await ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    holder = hold(place / "data", user="daemon")
    assert "url" in holder.answer()
    assert holder.end() == 0
    owners = {path.stat().st_uid for path in [place / "data", *(place / "data").rglob("*")]}
    assert owners == {pwd.getpwnam("daemon").pw_uid}
