"""Rows to look at: jobs of all types, and months of runs with their failures, skips and slow ones."""

from benchmarks.lateness import UNLIMITED_SECONDS
from scheduler_core.db.connect import Connection

BATCH = 500_000
DAYS = 80
TYPES = ("profile_maintenance", "memory_consolidation", "memory_decay")


async def fill(connection: Connection, *, jobs: int, runs: int) -> None:
    """Makes the jobs, none of them due, and their runs, oldest first, evenly over the last weeks."""
    await connection.execute(
        "INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, next_run_at)"
        " SELECT ($2::text[])[1 + n % 3], 'bot' || n, 60 * (1 + n % 24),"
        "  now() + interval '1 day' + make_interval(secs => n)"
        " FROM generate_series(0, $1::integer - 1) n",
        jobs,
        list(TYPES),
        timeout=600,
    )
    if runs:
        await _add_runs(connection, runs)
    await connection.execute("ANALYZE scheduled_jobs")


async def _add_runs(connection: Connection, runs: int) -> None:
    # Indexes are made again afterwards, which at millions of rows is many times as fast.
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes"
        " WHERE tablename = 'job_runs' AND indexname <> 'job_runs_pkey'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute("SET session_replication_role = replica")
    for first in range(0, runs, BATCH):
        await connection.execute(
            "WITH job AS ("
            "  SELECT id, job_type, bot_id, row_number() OVER (ORDER BY id) - 1 AS place,"
            "   count(*) OVER () AS jobs"
            "  FROM scheduled_jobs WHERE bot_id LIKE 'bot%'),"
            " past AS ("
            "  SELECT i, now() - make_interval(secs => ($3 - i) * $4::float / $3) AS at,"
            "   CASE WHEN i % 97 = 0 THEN 'failed' WHEN i % 13 = 0 THEN 'skipped'"
            "    ELSE 'success' END AS status,"
            "   (200 + (i * 7919) % 40000)::int AS ms"
            "  FROM generate_series($1::bigint, $2::bigint) AS i)"
            " INSERT INTO job_runs (id, job_id, bot_id, job_type, trigger, scheduled_for, status, node_id,"
            "  created_at, available_at, started_at, finished_at, duration_ms,"
            "  result_json, error_message, reason)"
            " SELECT bawt_slot_run_id(job.id, past.i, job.bot_id, past.at), job.id, job.bot_id, job.job_type,"
            "  'schedule', past.at, past.status, '00000000-0000-0000-0000-000000000001',"
            "  past.at, past.at, past.at,"
            "  past.at + make_interval(secs => past.ms / 1000.0), past.ms, '{}',"
            "  CASE past.status WHEN 'failed' THEN 'The model process died. [1f2e3d4c]' END,"
            "  CASE past.status WHEN 'skipped' THEN 'unchanged' END"
            " FROM past JOIN job ON job.place = past.i % job.jobs ORDER BY past.i",
            first,
            min(first + BATCH, runs) - 1,
            runs,
            DAYS * 86_400.0,
            timeout=UNLIMITED_SECONDS,
        )
    await connection.execute("RESET session_replication_role")
    for index in indexes:
        await connection.execute(index["indexdef"], timeout=UNLIMITED_SECONDS)
    await connection.execute("VACUUM ANALYZE job_runs", timeout=UNLIMITED_SECONDS)
