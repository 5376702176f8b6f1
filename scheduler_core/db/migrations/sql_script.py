"""Runs the SQL script that lies beside a migration and has its name."""

from pathlib import Path

from alembic import op


def run_script_beside(module: str) -> None:
    """Executes `module` with the ending `.sql` in the migration's transaction.

    Args:
        module: the migration's `__file__`.
    """
    script = Path(module).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver's own simple-query path takes many statements at once and leaves `:` alone. SQLAlchemy
    # has begun the transaction by now, because the version was read on this connection.
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None
    driver.run_async(lambda raw: raw.execute(script))
