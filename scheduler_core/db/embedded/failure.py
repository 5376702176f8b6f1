"""What can go wrong around the embedded PostgreSQL, in words a person can act on.

Knows the usual causes by their system error or by what PostgreSQL wrote. It tries nothing again.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler_core.errors import EmbeddedServerError

ELSEWHERE = "Set LLM_BAWT_DATA_DIR to another directory, or LLM_BAWT_DATABASE_URL to a server of yours."

# What PostgreSQL and initdb write under LC_ALL=C; the first that occurs is named.
_CAUSES = {
    "No space left on device": errno.ENOSPC,
    "Check free disk space": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
    "could not look up effective user ID": errno.ENXIO,
    "Permission denied": errno.EACCES,
    "Operation not permitted": errno.EPERM,
    "Cannot allocate memory": errno.ENOMEM,
    "Too many open files": errno.EMFILE,
}

# Bytes below which a failure is put down to the disk.
_NO_ROOM = 1_000_000


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an OSError inside into an EmbeddedServerError that names `path` or the error's own file."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise of_system_error(error.errno or 0, Path(where)) from error


def of_system_error(number: int, path: Path) -> EmbeddedServerError:
    """The error for an `errno` value met at `path`."""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return EmbeddedServerError(f"The disk is full at {path}.", f"Free some space. {ELSEWHERE}")
    if number == errno.EROFS:
        return EmbeddedServerError(f"The file system of {path} is read-only.", ELSEWHERE)
    if number in (errno.EACCES, errno.EPERM):
        return EmbeddedServerError(
            f"This user may not use {path}.", f"Give it back to the user who runs this. {ELSEWHERE}"
        )
    if number in (errno.EEXIST, errno.ENOTDIR):
        steps = (*reversed(path.parents), path)
        wrong = next((step for step in steps if step.exists() and not step.is_dir()), path)
        return EmbeddedServerError(
            f"{wrong} should be a directory, but there is something else.", f"Move it away. {ELSEWHERE}"
        )
    if number == errno.ENXIO:
        return EmbeddedServerError(
            "This user has no entry in the list of users, which PostgreSQL needs.",
            "Run as a named user, or set LLM_BAWT_DATABASE_URL to a server of yours.",
        )
    if number == errno.ENOMEM:
        return EmbeddedServerError(
            "There is not enough memory for the embedded PostgreSQL.", "Close something and start again."
        )
    if number in (errno.EMFILE, errno.ENFILE):
        return EmbeddedServerError("Too many files are open.", "Raise the limit (ulimit -n) and start again.")
    return EmbeddedServerError(f"The system refused to use {path} (error {number}).", ELSEWHERE)


def of_output(written: str, *, title: str, path: Path, log: Path) -> EmbeddedServerError:
    """The error for a PostgreSQL program that failed.

    Args:
        written: what it wrote; only searched for known causes, never repeated.
        title: the sentence when no known cause is found.
        path: where it worked.
        log: where a person finds all it wrote.
    """
    for sign, number in _CAUSES.items():
        if sign in written:
            known = of_system_error(number, path)
            return EmbeddedServerError(known.title, f"{known.hint} PostgreSQL's own words: {log}")
    if shutil.disk_usage(path).free < _NO_ROOM:
        # Then its words were not written either.
        return of_system_error(errno.ENOSPC, path)
    return EmbeddedServerError(title, f"PostgreSQL's own words: {log}")
