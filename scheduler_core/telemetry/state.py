"""What the whole installation is like right now, from one cheap statement, and whether that is healthy."""

from dataclasses import dataclass

from scheduler_core.db.database import Database
from scheduler_core.db.statement import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Attributes:
    queue_depth: runs that wait although they may start; counted up to 10,000, as are the next two.
    oldest_due_seconds: for how long the longest due slot has waited to be claimed; 0 without one.
    nodes: that hold a lease.
    """

    queue_depth: int
    running: int
    jobs_due: int
    oldest_due_seconds: float
    nodes: int
    database_bytes: int
    connections: int
    most_connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The verdict, with a sentence for each thing that is wrong."""

    troubles: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not self.troubles


async def read_state(database: Database) -> State:
    """
    Raises:
        DatabaseError: it cannot be asked.
    """
    sql = statement("telemetry_state")
    async with database.connection() as connection:
        row = await connection.fetchrow(sql.text)
    assert row is not None
    return State(**dict(row))


def judge(state: State | None, *, age: float, patience: float) -> Health:
    """Red when nothing is claimed though due, when nobody schedules, or when nothing was heard for too long.

    Args:
        state: None while the database has not answered yet.
        age: seconds since it was read.
        patience: seconds that a slot may wait, and that a state may be old.
    """
    troubles = []
    if state is None:
        troubles.append("The database has not answered yet.")
    elif age > patience:
        troubles.append(f"The database has not answered for {age:.0f} s.")
    else:
        if state.oldest_due_seconds > patience:
            troubles.append(
                f"{state.jobs_due} due and nothing is claimed; the oldest slot waits since"
                f" {state.oldest_due_seconds:.0f} s."
            )
        if not state.nodes:
            troubles.append("No node holds a lease.")
    return Health(troubles=tuple(troubles))
