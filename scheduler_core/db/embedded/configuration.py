"""How the embedded PostgreSQL is configured: modest, reachable by a socket alone, silent about data.

The files lie beside the cluster, not in it: started by root they stay root's, and root never writes where
the server's account could have planted a link.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from scheduler_core.db.embedded.account import Account
from scheduler_core.db.embedded.failure import explained
from scheduler_core.db.embedded.postmaster import PORT

USER = "llm_bawt"

# For a laptop. The log keeps the server's own events and nothing of what it is asked: errors of statements
# (below level `log`), their text and their values stay out.
SETTINGS: Mapping[str, str] = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "jit": "off",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_line_prefix": "%m [%p] ",
}


def write_configuration(home: Path, *, account: Account, settings: Mapping[str, str]) -> dict[str, str]:
    """Writes the three files into `home`; returns the settings that name them.

    The first wall is the directory, mode 0700 or 0710. `peer` is the second: the system says who calls,
    and only the server's account and root are let in, without a password to keep anywhere.

    Args:
        settings: in place of the defaults above. ALTER SYSTEM wins over both.

    Raises:
        EmbeddedServerError: a file cannot be written.
    """
    main = [
        "# Written at every start; use ALTER SYSTEM to change a setting.",
        "include = 'cluster/postgresql.conf'",
    ]
    main += [f"{name} = {_quoted(value)}" for name, value in {**SETTINGS, **settings}.items()]
    # A leading slash or plus would mean a pattern or a role; quoted names are taken as they are.
    callers = dict.fromkeys((account.name, "root"))
    files = {
        "config_file": ("postgresql.conf", main),
        "hba_file": ("pg_hba.conf", ["local all all peer map=callers"]),
        "ident_file": ("pg_ident.conf", [f'callers "{name}" {USER}' for name in callers]),
    }
    for name, lines in files.values():
        _write(home / name, "\n".join([*lines, ""]), account)
    return {setting: os.fspath(home / name) for setting, (name, _) in files.items()}


def command_line_settings(socket_dir: Path) -> dict[str, str]:
    """What no file and no ALTER SYSTEM may override: never a network socket, never a log elsewhere."""
    return {
        "listen_addresses": "",
        "unix_socket_directories": os.fspath(socket_dir),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "logging_collector": "off",
        "log_destination": "stderr",
    }


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _write(path: Path, text: str, account: Account) -> None:
    """Replaces the file in one step, and only when it differs: a full disk must not stop a start."""
    with explained(path):
        if path.is_file() and path.read_text() == text:
            return
        growing = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        growing.write_text(text)
        growing.chmod(0o640)
        if account.switches:
            os.chown(growing, -1, account.gid)
        account.keep(growing)
        growing.replace(path)
