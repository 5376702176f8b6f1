"""What stands in the way of the embedded PostgreSQL is named in a sentence, and left as it is."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import asyncpg
import pytest

from scheduler_core.data_directory import default_data_dir
from scheduler_core.db.embedded import account as embedded_account
from scheduler_core.db.embedded import binaries as embedded_binaries
from scheduler_core.db.embedded import server as embedded
from scheduler_core.db.embedded.account import make_data_dir, server_account
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.embedded.lock import FileLock
from scheduler_core.db.embedded.postmaster import find_postmaster
from scheduler_core.db.embedded.server import embedded_server
from scheduler_core.errors import EmbeddedServerError
from tests.db.holder import Holder
from tests.postgres import reachable_directory

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


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of 64 MB: enough for a new cluster and little more."""
    disk = place / "disk"
    disk.mkdir(0o755)
    mounted = IS_ROOT and _mount(disk, "-t", "tmpfs", "-o", "size=64m,mode=0755", "none")
    if not mounted:
        pytest.skip("mounting a file system is not permitted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607  (wherever the system keeps it)


def _mount(disk: Path, *options: str) -> bool:
    command = ["mount", *options, os.fspath(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def trouble(data_dir: Path, **options: dict[str, str]) -> EmbeddedServerError:
    """Starts a server in vain; every refusal has a hint, and leaves no server behind."""
    with pytest.raises(EmbeddedServerError) as caught:
        async with embedded_server(data_dir, settings=options.get("settings")):
            pass
    assert caught.value.title.endswith(".")
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert not_running(data_dir)
    return caught.value


def not_running(data_dir: Path) -> bool:
    try:
        return find_postmaster(data_dir / "postgres" / "cluster") is None
    except NotADirectoryError:
        return True


def modes(path: Path) -> list[tuple[str, int, int, int]]:
    """Owner and permissions of a directory and all above it."""
    steps = [(step, step.stat()) for step in (path, *path.parents)]
    return [(str(step), status.st_mode, status.st_uid, status.st_gid) for step, status in steps]


async def answers(data_dir: Path) -> bool:
    async with embedded_server(data_dir) as server:
        connection = await asyncpg.connect(server.url)
        try:
            return bool(await connection.fetchval("SELECT true"))
        finally:
            await connection.close()


async def test_parents_keep_their_permissions(place: Path) -> None:
    before = modes(place)
    assert await answers(place / "new" / "data")
    assert modes(place) == before


@only_root
async def test_a_directory_the_servers_account_cannot_enter_is_named_and_left_alone(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(0o700)
    before = modes(closed)
    error = await trouble(closed / "data")
    assert f"may not enter {closed}." in error.title
    assert "LLM_BAWT_DATABASE_URL" in error.hint
    assert modes(closed) == before
    assert not [*closed.iterdir()]


@only_root
async def test_an_empty_private_data_directory_of_root_is_opened_for_the_account_alone(place: Path) -> None:
    (place / "data").mkdir(0o700)
    assert await answers(place / "data")
    status = (place / "data").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o710)
    assert status.st_gid == server_account(place / "data").gid


@only_root
async def test_a_private_directory_with_other_things_in_it_is_not_opened(place: Path) -> None:
    (place / "data").mkdir(0o700)
    (place / "data" / "letters").touch()
    before = modes(place / "data")
    assert f"may not enter {place / 'data'}." in (await trouble(place / "data")).title
    assert modes(place / "data") == before


@only_root
async def test_where_no_other_account_exists_nobody_runs_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_account, "_CANDIDATES", ("an-account-nobody-made", "nobody"))
    assert await answers(place / "data")
    assert (place / "data/postgres/cluster").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    monkeypatch.setattr(embedded_account, "_CANDIDATES", ("an-account-nobody-made",))
    assert await answers(place / "data")
    assert "PostgreSQL refuses to run as root" in (await trouble(place / "other")).title


async def test_an_empty_lock_file_does_not_stop_a_start(place: Path) -> None:
    """A power cut or a full disk may leave one."""
    assert await answers(place / "data")
    (place / "data/postgres/cluster/postmaster.pid").touch()
    assert await answers(place / "data")


@only_root
async def test_a_wheel_the_account_cannot_reach_is_copied_once_and_run(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = place / "closed"
    closed.mkdir(0o700)
    site = embedded_binaries._site_packages()
    for part in (embedded_binaries._INSTALLATION, *embedded_binaries._LIBRARIES):
        if (site / part).is_dir():
            shutil.copytree(site / part, closed / part, ignore=shutil.ignore_patterns("include", "*.a"))
    monkeypatch.setattr(embedded_binaries, "_site_packages", lambda: closed)
    async with embedded_server(place / "data"):
        pid = (place / "data/postgres/cluster/postmaster.pid").read_text().split()[0]
        running = program_of(pid)
    [copy] = (place / "data" / "postgres").glob("binaries-*")
    assert running.is_relative_to(copy)
    assert copy.stat().st_uid == 0
    assert closed.stat().st_mode & 0o777 == 0o700
    made = running.stat().st_mtime_ns
    assert await answers(place / "data")
    assert running.stat().st_mtime_ns == made


def program_of(pid: str) -> Path:
    return Path(Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0])


@pytest.mark.parametrize(
    "foreign", ["postgres/letter.txt", "postgres/PG_VERSION", "postgres/cluster/letter.txt"]
)
async def test_foreign_files_are_left_alone(place: Path, foreign: str) -> None:
    path = place / "data" / foreign
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    if IS_ROOT and path.parent.name == "cluster":
        account = server_account(place)
        os.chown(path.parent, account.uid, account.gid)
    before = modes(place / "data" / "postgres")
    error = await trouble(place / "data")
    assert f"{path.parent} holds files that are not this program's database." == error.title
    assert path.read_text() == "mine"
    if path.parent.name == "postgres":
        assert modes(path.parent) == before


async def test_a_cluster_of_another_major_version_is_refused(place: Path) -> None:
    assert await answers(place / "data")
    version = place / "data/postgres/cluster/PG_VERSION"
    version.write_text("16\n")
    assert "made by PostgreSQL 16," in (await trouble(place / "data")).title
    version.write_text("18\n")
    assert await answers(place / "data")


@pytest.mark.parametrize("wrong", ["data", "data/postgres", "data/logs", "data/postgres/cluster"])
async def test_a_file_where_a_directory_should_be_is_named(place: Path, wrong: str) -> None:
    (place / wrong).parent.mkdir(parents=True, exist_ok=True)
    (place / wrong).write_text("mine")
    error = await trouble(place / "data")
    assert os.fspath(place / wrong) in error.title
    assert (place / wrong).read_text() == "mine"


async def test_a_data_directory_below_a_file_is_named(place: Path) -> None:
    (place / "file").write_text("mine")
    assert f"{place / 'file'} should be a directory" in (await trouble(place / "file" / "data")).title


@pytest.mark.parametrize("filled", [True, False])
async def test_a_full_disk_is_named_and_once_freed_it_goes_on(small_disk: Path, filled: bool) -> None:
    ballast = small_disk / "ballast"
    if filled:
        assert await answers(small_disk / "data")
        fill(ballast, leave=0)
    else:
        fill(ballast, leave=20_000_000)
    assert "disk is full" in (await trouble(small_disk / "data")).title
    ballast.unlink()
    assert await answers(small_disk / "data")


def fill(ballast: Path, *, leave: int) -> None:
    free = shutil.disk_usage(ballast.parent).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)


async def test_a_read_only_file_system_is_named(small_disk: Path) -> None:
    assert await answers(small_disk / "data")
    assert _mount(small_disk, "-o", "remount,ro")
    assert "read-only" in (await trouble(small_disk / "data")).title


@only_root
def test_a_plain_user_in_somebody_elses_directory_is_told(place: Path, hold: Callable[..., Holder]) -> None:
    assert f"may not use {place / 'data'}." in hold(place / "data", user="nobody").answer()["title"]
    make_data_dir(place / "data")
    assert "may not use" in hold(place / "data", user="nobody").answer()["title"]


@only_root
def test_a_socket_directory_that_somebody_else_made_is_refused(
    place: Path, hold: Callable[..., Holder]
) -> None:
    options = {"user": "nobody", "XDG_RUNTIME_DIR": "", "TMPDIR": os.fspath(place)}
    data_dir = place / "x" / ("x" * 100)
    data_dir.mkdir(parents=True)
    os.chown(data_dir, pwd.getpwnam("nobody").pw_uid, -1)
    place.chmod(0o1777)
    first = hold(data_dir, **options)
    sockets = Path(first.answer()["sockets"])
    assert sockets.parent == place
    assert first.end() == 0
    sockets.mkdir(0o777)
    assert f"{sockets} belongs to somebody else" in hold(data_dir, **options).answer()["title"]


async def test_an_unknown_cause_names_the_log_that_tells_it(place: Path) -> None:
    error = await trouble(place / "data", settings={"shared_buffers": "plenty"})
    assert error.title == "The embedded PostgreSQL does not start."
    log = place / "data" / "logs" / "postgres.log"
    assert os.fspath(log) in error.hint
    assert 'invalid value for parameter "shared_buffers"' in log.read_text()
    assert await answers(place / "data")


async def test_a_start_that_another_process_never_ends_is_given_up(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await answers(place / "data")
    monkeypatch.setattr(embedded, "LOCK_DEADLINE", 0.1)
    with closing(FileLock(place / "data/postgres/start.lock")) as lock:
        assert lock.try_exclusive()
        assert "Another process" in (await trouble(place / "data")).title


async def test_a_platform_without_the_wheel_is_told_to_bring_a_server(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_binaries, "_WHEEL", "a-wheel-nobody-has")
    assert "LLM_BAWT_DATABASE_URL" in (await trouble(place / "data")).hint


def test_a_program_that_does_not_exist_is_refused() -> None:
    assert postgres_binary("pg_dump").is_file()
    with pytest.raises(EmbeddedServerError, match="no program pg_nothing"):
        postgres_binary("pg_nothing")


async def test_a_big_log_is_put_aside(place: Path) -> None:
    assert await answers(place / "data")
    log = place / "data" / "logs" / "postgres.log"
    os.truncate(log, 2_000_000)
    assert await answers(place / "data")
    assert log.with_name("postgres.log.1").stat().st_size == 2_000_000
    assert log.stat().st_size < 10_000


async def test_a_home_behind_a_symbolic_link_is_recognised_as_running(place: Path) -> None:
    (place / "big-disk").mkdir()
    make_data_dir(place / "data")
    (place / "data" / "postgres").symlink_to(place / "big-disk")
    async with embedded_server(place / "data") as server:
        started = (place / "data/postgres/cluster/postmaster.pid").read_text()
        async with embedded_server(place / "data") as second:
            assert second == server
        assert (place / "data/postgres/cluster/postmaster.pid").read_text() == started


def test_root_gets_a_place_outside_its_home() -> None:
    assert default_data_dir().name == "llm-bawt"
    if IS_ROOT:
        assert default_data_dir() == Path("/var/lib/llm-bawt")
    else:
        assert default_data_dir().is_relative_to(Path.home())
