"""More jobs than a list holds: the database narrows, every job can be reached, and no number misleads."""

import asyncio
from datetime import UTC, datetime

import pytest

from bawt_console.app import ConsoleApp
from bawt_console.filters import parse_filter
from bawt_console.formatting import State, job_state
from bawt_console.job_list import FIRST_PAGE
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.domain import EVERY_JOB, JOB_STATES, JOBS_SHOWN, JobFilter, JobOverview
from tests.console.pilots import MEDIUM, jobs_of, opened, picture, until

BEYOND = 50
JOBS = JOBS_SHOWN + BEYOND

# Every kind of past and present, by the number in the bot's name.
ADD_JOBS = """
INSERT INTO scheduled_jobs (job_type, bot_id, next_run_at, enabled, paused_by, paused_reason)
SELECT CASE n % 3 WHEN 0 THEN 'memory_decay' ELSE 'profile_maintenance' END,
    CASE n % 5 WHEN 0 THEN 'Nova' ELSE 'bot' END || n,
    now() + CASE WHEN n % 11 = 0 THEN interval '-1 hour' ELSE make_interval(mins => n) END,
    n % 7 <> 0,
    CASE WHEN n % 7 = 0 THEN 'grace' END,
    CASE WHEN n % 7 = 0 THEN '100 % too_early' END
FROM generate_series(1, $1::int) n
"""
ADD_RUNS = """
INSERT INTO job_runs (
    job_id, job_type, bot_id, status, node_id, started_at, finished_at, duration_ms, error_message, reason,
    suspicious
)
SELECT j.id, j.job_type, j.bot_id, s.status,
    CASE WHEN s.status = 'running' THEN gen_random_uuid() END,
    CASE WHEN s.status <> 'pending' THEN now() - interval '1 minute' END,
    CASE WHEN s.is_final THEN now() END,
    CASE WHEN s.is_final THEN 60000 END,
    CASE WHEN s.status = 'failed' THEN 'The model Said no' END,
    CASE WHEN s.status = 'skipped' THEN 'unchanged' END,
    CASE WHEN s.status = 'success' AND j.n % 4 = 0 THEN ARRAY['61 % shorter'] ELSE '{}' END
FROM (SELECT *, regexp_replace(bot_id, '[A-z]+', '')::int AS n FROM scheduled_jobs) j
CROSS JOIN (
    VALUES ('pending', false, 13, 1), ('running', false, 13, 2),
        ('success', true, 4, 0), ('success', true, 4, 1), ('failed', true, 4, 2), ('skipped', true, 12, 3)
) s (status, is_final, every, rest)
WHERE j.n % s.every = s.rest
"""


async def add_many(psql: Connection, number: int) -> None:
    await psql.execute("DELETE FROM scheduled_jobs")
    await psql.execute(ADD_JOBS, number)
    await psql.execute(ADD_RUNS)


@pytest.fixture
def app(database_url: str) -> ConsoleApp:
    address = Address.parse(database_url)
    return ConsoleApp(lambda: open_source(address, actor="tester", mode=ATTACHED), zone=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(f"state:{state}" for state in JOB_STATES),
        "state:failed,running",
        "late bot:bot*",
        "bot:nova15",
        "bot:NOVA1*",
        "job:profile*",
        "job:profile*,memory* state:new",
        "!state:ok bot:*7",
        '"100 % too_early"',
        "said nova",
        "61",
        "GRACE state:paused",
        "dur>30s state:suspicious",
        "nothing-like-it",
    ],
)
async def test_the_database_finds_what_the_filter_means(
    database: Database, psql: Connection, text: str
) -> None:
    await add_many(psql, 200)
    history, now = History(database), datetime.now(UTC)
    wanted = parse_filter(text)
    everything = await history.jobs_now()
    assert {job_state(each, now).word for each in everything} == set(JOB_STATES)
    meant = [each for each in everything if wanted.matches_job(each, now)]
    found = await history.jobs_now(wanted.job_filter())
    assert {each.job.id for each in meant} <= {each.job.id for each in found}
    if text.startswith("state:") and " " not in text:
        assert len(found) == len(meant)


async def test_a_job_is_found_by_its_id_and_a_limit_takes_those_due_first(
    database: Database, psql: Connection
) -> None:
    await add_many(psql, 30)
    history = History(database)
    everything = await history.jobs_now()
    [one] = await history.jobs_now(JobFilter(job_id=everything[17].job.id))
    assert one.job == everything[17].job
    few = await history.jobs_now(JobFilter(bot_id="*"), limit=5)
    assert [each.job.id for each in few] == [each.job.id for each in everything[:5]]


async def add_plain(psql: Connection, number: int = JOBS) -> None:
    await psql.execute("DELETE FROM scheduled_jobs")
    await psql.execute(
        "INSERT INTO scheduled_jobs (job_type, bot_id, next_run_at)"
        " SELECT 'memory_decay', 'bot' || n, now() + interval '1 hour' + n * interval '1 second'"
        " FROM generate_series(1, $1::int) n",
        number,
    )


async def test_the_title_tells_how_many_there_are_and_the_filter_reaches_the_last(
    app: ConsoleApp, psql: Connection
) -> None:
    await add_plain(psql)
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: "1,000 of 1,050 jobs" in picture(app), "the title")
        assert f"bot{JOBS}" not in {each.job.bot_id for each in jobs_of(app).table.rows}
        await pilot.press("slash", *f"bot:bot{JOBS}", "enter")
        await until(pilot, lambda: "1 of 1,050 jobs" in picture(app), "the last job")
        assert [each.job.bot_id for each in jobs_of(app).table.rows] == [f"bot{JOBS}"]
        await pilot.press("escape")
        await until(pilot, lambda: "1,000 of 1,050 jobs" in picture(app), "all that fit")


async def test_marks_outlive_a_filter_that_asked_for_other_jobs(app: ConsoleApp, psql: Connection) -> None:
    await add_plain(psql)
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: "1,000 of 1,050 jobs" in picture(app), "the title")
        await pilot.press("slash", *"bot:bot1050", "enter")
        await until(pilot, lambda: "1 of 1,050 jobs" in picture(app), "the last job")
        await pilot.press("space", "colon", *"filter", "enter")
        await until(pilot, lambda: "1,000 of 1,050 jobs" in picture(app), "all that fit")
        await pilot.press("g", "space", "p")
        await until(pilot, lambda: "2 jobs" in picture(app), "the question")
        await pilot.press("enter")
        paused = "SELECT array_agg(bot_id ORDER BY bot_id) FROM scheduled_jobs WHERE NOT enabled"
        for _ in range(200):
            if await psql.fetchval(paused):
                break
            await pilot.pause(0.02)
        assert await psql.fetchval(paused) == ["bot1", "bot1050"]


async def test_a_job_beyond_the_list_is_opened_by_its_name(app: ConsoleApp, psql: Connection) -> None:
    await add_plain(psql)
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: "1,000 of 1,050 jobs" in picture(app), "the title")
        await pilot.press("colon", *"open job:memory_decay:bot1049", "enter")
        await until(pilot, lambda: "1 of 1,050 jobs" in picture(app), "that job")
        selected = jobs_of(app).selected
        assert selected is not None
        assert selected.job.bot_id == "bot1049"


async def test_the_first_page_is_there_before_the_others_which_follow_by_themselves(
    app: ConsoleApp, psql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_plain(psql, 250)
    jobs_now, go_on = History.jobs_now, asyncio.Event()

    async def held(
        history: History, wanted: JobFilter = EVERY_JOB, *, limit: int = JOBS_SHOWN
    ) -> list[JobOverview]:
        if limit == JOBS_SHOWN:
            await go_on.wait()
        return await jobs_now(history, wanted, limit=limit)

    monkeypatch.setattr(History, "jobs_now", held)
    wanted = await psql.fetchval("SELECT id FROM scheduled_jobs WHERE bot_id = 'bot249'")
    async with opened(app, MEDIUM) as pilot:
        await until(pilot, lambda: f"{FIRST_PAGE} of 250 jobs" in picture(app), "the first page")
        # Not even a job that is still to come makes the filter ask for it, nor does freezing stop the others.
        jobs_of(app).look_for(wanted)
        await pilot.press("f")
        assert not jobs_of(app).filter_line.wanted
        await pilot.press("slash", *"bot:bot250", "enter")
        await until(pilot, lambda: "the other jobs are being read" in picture(app), "what is missing")
        await pilot.press("escape")
        go_on.set()
        await until(pilot, lambda: jobs_of(app).shows_all, "all jobs")
        selected = jobs_of(app).selected
        assert selected is not None
        assert selected.job.id == wanted


def test_the_words_for_states_are_those_of_the_screen() -> None:
    assert set(JOB_STATES) == {state.word for state in State}
