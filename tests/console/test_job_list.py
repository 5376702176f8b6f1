"""The list of jobs is there at once, and what their runs tell is read once, not at every look."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from bawt_console.job_list import FIRST_PAGE, MOST_AT_ONCE, OLD_AFTER_SECONDS, JobList
from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.domain import EVERY_JOB, JOBS_SHOWN, JobFilter, JobOverview, JobPast


class Counted:
    """The history, and how many pasts it was asked for."""

    def __init__(self, database: Database) -> None:
        self.history = History(database)
        self.asked: list[int] = []

    async def jobs_now(self, wanted: JobFilter = EVERY_JOB, *, limit: int = JOBS_SHOWN) -> list[JobOverview]:
        return await self.history.jobs_now(wanted, limit=limit)

    async def count_jobs(self) -> int:
        return await self.history.count_jobs()

    async def pasts(self, job_ids: Sequence[UUID]) -> Mapping[UUID, JobPast]:
        self.asked.append(len(job_ids))
        return await self.history.pasts(job_ids)


async def add_jobs(psql: Connection, jobs: int, runs: int) -> None:
    await psql.execute(
        "INSERT INTO scheduled_jobs (job_type, bot_id, next_run_at)"
        " SELECT 'memory_decay', 'bot' || n, now() + interval '1 day' FROM generate_series(1, $1::int) n",
        jobs,
    )
    await add_runs(psql, runs)


async def add_runs(psql: Connection, runs: int, bots: str = "bot%") -> None:
    await psql.execute(
        "INSERT INTO job_runs (job_id, bot_id, job_type, status, trigger, started_at, finished_at,"
        " duration_ms, scheduled_for, suspicious)"
        " SELECT j.id, j.bot_id, j.job_type, CASE WHEN n % 7 = 0 THEN 'failed' ELSE 'success' END, 'manual',"
        " clock_timestamp(), now(), n * 10, now(), CASE WHEN n % 5 = 0 THEN ARRAY['odd'] ELSE '{}' END"
        " FROM generate_series(1, $1::int) n, scheduled_jobs j WHERE j.bot_id LIKE $2",
        runs,
        bots,
    )


async def shown(jobs: JobList) -> list[JobOverview]:
    """What a screen has after coming back as often as it is told to."""
    found = await jobs.jobs()
    while jobs.missing:
        found = await jobs.jobs()
    return found


def same(found: Sequence[JobOverview], wanted: Sequence[JobOverview]) -> bool:
    return [(each.job.id, each.last, each.strip, each.p95_ms, each.share_ok) for each in found] == [
        (each.job.id, each.last, each.strip, each.p95_ms, each.share_ok) for each in wanted
    ]


async def test_in_the_end_it_is_what_the_one_great_statement_says(
    database: Database, psql: Connection
) -> None:
    await add_jobs(psql, 2 * MOST_AT_ONCE + 5, 9)
    history = Counted(database)
    jobs = JobList(history)
    first = await jobs.jobs()
    assert len(first) == 2 * MOST_AT_ONCE + 5
    assert (jobs.missing, history.asked) == (2 * MOST_AT_ONCE + 5, [])
    await jobs.jobs()
    assert jobs.missing == MOST_AT_ONCE + 5
    assert all(each.last is not None for each in first)
    assert same(await shown(jobs), await history.history.jobs())
    assert history.asked == [MOST_AT_ONCE, MOST_AT_ONCE, 5]


async def test_only_jobs_with_another_last_run_are_read_again(database: Database, psql: Connection) -> None:
    await add_jobs(psql, 20, 3)
    history, now = Counted(database), [0.0]
    jobs = JobList(history, clock=lambda: now[0])
    await shown(jobs)
    await shown(jobs)
    assert history.asked == [20]
    await add_runs(psql, 1, "bot7")
    assert same(await shown(jobs), await history.history.jobs())
    assert history.asked == [20, 1]
    now[0] += OLD_AFTER_SECONDS + 1
    await shown(jobs)
    assert history.asked == [20, 1, 20]


async def test_a_job_without_runs_is_not_asked_about_and_a_deleted_one_is_forgotten(
    database: Database, psql: Connection
) -> None:
    await add_jobs(psql, 3, 0)
    history = Counted(database)
    jobs = JobList(history)
    assert len(await jobs.jobs()) == 3
    assert (jobs.missing, history.asked) == (0, [])
    await add_runs(psql, 1)
    await shown(jobs)
    await psql.execute("DELETE FROM scheduled_jobs WHERE bot_id = 'bot1'")
    assert len(await jobs.jobs()) == len(jobs._known) == 2


async def test_the_first_page_is_what_is_due_next_and_counts_the_others(
    database: Database, psql: Connection
) -> None:
    await add_jobs(psql, FIRST_PAGE + 7, 2)
    history = Counted(database)
    jobs = JobList(history)
    page = await jobs.jobs(first_page=True)
    everything = await history.history.jobs_now()
    assert [each.job.id for each in page] == [each.job.id for each in everything][:FIRST_PAGE]
    assert (jobs.total, jobs.latest, history.asked) == (FIRST_PAGE + 7, (), [])
    found = await jobs.jobs()
    assert jobs.latest == found
    assert [each.job.id for each in found] == [each.job.id for each in everything]
    assert history.asked == [MOST_AT_ONCE]


async def test_a_first_page_that_holds_every_job_is_the_whole_list(
    database: Database, psql: Connection
) -> None:
    await add_jobs(psql, 3, 2)
    history = Counted(database)
    jobs = JobList(history)
    page = await jobs.jobs(first_page=True)
    assert (jobs.total, jobs.missing, jobs.latest) == (3, 0, page)
    assert same(page, await history.history.jobs())


async def test_paused_jobs_stand_last_however_long_ago_their_slots_were(
    database: Database, psql: Connection
) -> None:
    await add_jobs(psql, FIRST_PAGE + 30, 1)
    await psql.execute(
        "UPDATE scheduled_jobs SET enabled = false, next_run_at = now() - interval '2 days'"
        " WHERE bot_id IN (SELECT 'bot' || n FROM generate_series(1, 28) n)"
    )
    history = Counted(database)
    jobs = JobList(history)
    page = await jobs.jobs(first_page=True)
    assert len(page) == FIRST_PAGE
    assert all(each.job.enabled for each in page)
    enabled = [each.job.enabled for each in await jobs.jobs()]
    assert enabled == [True] * (FIRST_PAGE + 2) + [False] * 28
    some = await history.history.jobs_now(JobFilter(bot_id="bot*"))
    assert [each.job.enabled for each in some] == enabled


async def test_a_page_of_exactly_all_jobs_is_the_whole_list(database: Database, psql: Connection) -> None:
    await add_jobs(psql, FIRST_PAGE, 0)
    jobs = JobList(Counted(database))
    page = await jobs.jobs(first_page=True)
    assert jobs.latest == page


async def test_a_first_page_forgets_no_past_of_other_jobs(database: Database, psql: Connection) -> None:
    await add_jobs(psql, FIRST_PAGE + 20, 1)
    history = Counted(database)
    jobs = JobList(history)
    await shown(jobs)
    asked = list(history.asked)
    await jobs.jobs(first_page=True)
    await jobs.jobs()
    assert history.asked == asked
