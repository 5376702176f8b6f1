"""Rows for the scheduler to work on, written as a person with psql would write them."""

from scheduler_core.db.connect import Connection

# Long enough that no slot of a measurement comes twice.
ONCE_MINUTES = 24 * 60


async def add_jobs(
    connection: Connection,
    count: int,
    *,
    first_in: float,
    over: float = 0.0,
    job_type: str = "noop",
    interval_minutes: int = ONCE_MINUTES,
) -> float:
    """Adds jobs of which the first is due `first_in` seconds from now; returns that time.

    Args:
        over: the others follow evenly within so many seconds; 0 makes all due at once.

    Raises:
        TimeoutError: the first was due before all were written; give it more time.
    """
    first_due = await connection.fetchval(
        "WITH start AS MATERIALIZED (SELECT clock_timestamp() + make_interval(secs => $2) AS at),"
        " made AS ("
        "  INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        "  SELECT $4, '*', $5, start.at + make_interval(secs => $3::float * i / $1)"
        "  FROM start, generate_series(0, $1::integer - 1) AS i)"
        " SELECT at FROM start",
        count,
        first_in,
        over,
        job_type,
        interval_minutes,
        timeout=600,
    )
    # Without statistics the planner would still take the table for an empty one.
    await connection.execute("ANALYZE scheduled_jobs", timeout=600)
    if await connection.fetchval("SELECT clock_timestamp() > $1", first_due):
        raise TimeoutError("The first job was due before all jobs were written.")
    return float(first_due.timestamp())


async def count_runs(connection: Connection, status: str, *, job_type: str = "noop") -> int:
    """How many runs of the type are recorded with the status."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM job_runs WHERE job_type = $1 AND status = $2", job_type, status, timeout=600
    )
    return count
