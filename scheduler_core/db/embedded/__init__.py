"""The default database: a private PostgreSQL from a wheel, run without any set-up."""

from scheduler_core.db.embedded.account import make_data_dir
from scheduler_core.db.embedded.binaries import postgres_binary
from scheduler_core.db.embedded.server import (
    EmbeddedServer,
    default_data_dir,
    embedded_server,
    end_unused,
    revive,
)

__all__ = [
    "EmbeddedServer",
    "default_data_dir",
    "embedded_server",
    "end_unused",
    "make_data_dir",
    "postgres_binary",
    "revive",
]
