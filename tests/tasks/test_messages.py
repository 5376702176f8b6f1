"""Runs that travel as messages: what only this queue can suffer, and what keeps it in order."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from scheduler_core.db.database import Database
from scheduler_core.db.job_values import FinishedRun, NodeRow, StartedRun
from scheduler_core.db.messages import Messages
from scheduler_core.db.messages_schema import messages_version, upgrade_messages, upgrade_messages_if_there
from scheduler_core.db.operations import Operations
from scheduler_core.db.statement import SQL, statement
from scheduler_core.db.transport_store import SendingStore, WorkerStore
from scheduler_core.domain import NodeState, RunStatus
from scheduler_core.errors import ConfigError, DatabaseError
from scheduler_core.runtime import open_runtime
from scheduler_core.settings import Settings
from tests.chaos.load import until
from tests.tasks.farm import ADD, Farm, open_farm

NAMES = sorted(path.stem for path in (SQL / "pgqueuer").glob("*.sql"))
QUEUED = "SELECT id, payload, entrypoint FROM bawt_pgqueuer.pgqueuer ORDER BY id"


class Post:
    """A scheduler's and a worker's store on one database, without loops, so that each step can be seen."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.scheduler = uuid4()
        self.messages = Messages()
        self.sending = SendingStore(database, node_id=self.scheduler, messages=self.messages)

    async def announce(self, node: UUID, **facts: Any) -> None:
        values: dict[str, Any] = {
            "name": "n",
            "state": NodeState.ACTIVE,
            "version": "0",
            "job_types": ("nap", "pair"),
            "lease": 30,
            "running": 0,
            "model": None,
            "queue": "pgqueuer",
            "role": "worker",
            "capacity": 10,
            "job_limits": (None, 2),
        }
        await self.sending.heartbeat(NodeRow(id=node, **(values | facts)))

    async def worker(self, **facts: Any) -> WorkerStore:
        node = uuid4()
        await self.announce(node, **facts)
        return WorkerStore(
            self.database, node_id=node, messages=self.messages, limits={"nap": None, "pair": 2}
        )

    async def add_due(self, job_type: str, count: int, *, config: str = "{}") -> None:
        async with self.database.connection() as connection:
            await connection.execute(ADD, job_type, count, 0.0, config)

    async def claim(self) -> int:
        claim = await self.sending.claim_due(batch=500, per_bot_types=(), bots=())
        assert not claim.started
        return claim.pending

    async def look(self) -> None:
        await self.sending.start_pending(limits={}, capacity=500)

    async def queued(self) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(QUEUED))

    async def execute(self, statement: str) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement)

    async def statuses(self) -> dict[str, int]:
        async with self.database.connection() as connection:
            rows = await connection.fetch("SELECT status, count(*) FROM job_runs GROUP BY 1")
        return {row[0]: row[1] for row in rows}


@pytest.fixture
async def post(database: Database) -> Post:
    await upgrade_messages(database)
    return Post(database)


@pytest.fixture
async def farm(database_url: str, tmp_path: Path) -> AsyncIterator[Farm]:
    async with open_farm(database_url, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
async def test_every_file_is_a_statement_of_this_schema(post: Post, name: str) -> None:
    parsed = statement(f"pgqueuer/{name}")
    async with post.database.connection() as connection:
        prepared = await connection.prepare(parsed.text)
        assert len(prepared.get_parameters()) == len(parsed.names)


async def test_a_slot_and_its_message_come_into_being_together(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 3)
    await post.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE disk_full; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON bawt_pgqueuer.pgqueuer"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(DatabaseError):
        await post.claim()
    assert await post.statuses() == {}
    await post.execute("DROP TRIGGER refuse ON bawt_pgqueuer.pgqueuer")
    assert await post.claim() == 3
    assert len(await post.queued()) == 3
    runs, messages = await worker.take(models=(), most=10)
    assert (len(runs), messages) == (3, 3)
    assert await post.statuses() == {"running": 3}
    assert await post.queued() == []


async def test_a_message_that_is_doubled_or_late_starts_nothing(post: Post) -> None:
    first, second = await post.worker(), await post.worker()
    await post.add_due("nap", 1)
    await post.claim()
    await post.execute(
        "INSERT INTO bawt_pgqueuer.pgqueuer (priority, status, entrypoint, payload)"
        " SELECT 0, 'queued', entrypoint, payload FROM bawt_pgqueuer.pgqueuer"
    )
    runs, _ = await first.take(models=(), most=1)
    assert await second.take(models=(), most=1) == ([], 1)
    [run] = runs
    await first.finish_runs([FinishedRun(id=run.id, status=RunStatus.SUCCESS, result_json="{}")])
    async with post.database.transaction() as connection:
        await post.messages.send(connection, [(run.id, "nap")])
    assert await second.take(models=(), most=1) == ([], 1)
    assert await post.statuses() == {"success": 1}


async def test_a_message_that_was_deleted_is_sent_again_at_the_next_look(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 2)
    await post.claim()
    await post.execute("DELETE FROM bawt_pgqueuer.pgqueuer")
    assert await worker.take(models=(), most=10) == ([], 0)
    await post.look()
    assert len((await worker.take(models=(), most=10))[0]) == 2


async def test_looking_twice_sends_no_message_twice(post: Post) -> None:
    await post.worker()
    await post.add_due("nap", 4)
    await post.claim()
    await asyncio.gather(post.look(), post.look(), post.look())
    assert len(await post.queued()) == 4


async def test_a_worker_that_dies_with_messages_in_hand_gives_them_back_at_once(post: Post) -> None:
    worker, other = await post.worker(), await post.worker()
    await post.add_due("nap", 2)
    await post.claim()
    async with post.database.connection() as connection:
        # As far as the middle of taking; then the wire breaks.
        transaction = connection.transaction()
        await transaction.start()
        taken = await post.messages.take(connection, node=uuid4(), lanes=["nap"], most=10)
        assert len(taken) == 2
        assert await worker.take(models=(), most=10) == ([], 0)
        connection.terminate()

    async def came_back() -> bool:
        return len((await other.take(models=(), most=10))[0]) == 2

    await until(came_back, seconds=10, what="the messages are there again")


async def test_no_more_messages_are_on_their_way_than_workers_could_take(post: Post) -> None:
    await post.worker(capacity=3)
    await post.worker(capacity=4)
    await post.worker(capacity=100, job_types=("other",), job_limits=(None,))
    await post.add_due("nap", 20)
    await post.claim()
    assert len(await post.queued()) == 7


async def test_a_limited_type_has_no_more_messages_than_free_slots(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("pair", 5)
    await post.claim()
    assert len(await post.queued()) == 2
    [run, _], _ = await worker.take(models=(), most=10)
    await post.look()
    assert await post.queued() == []
    await worker.finish_runs([FinishedRun(id=run.id, status=RunStatus.SUCCESS, result_json="{}")])
    await post.look()
    assert len(await post.queued()) == 1


async def test_where_workers_differ_in_a_limit_the_smallest_counts(post: Post) -> None:
    await post.worker()
    await post.worker(job_limits=(None, 1))
    await post.worker(job_limits=(None, None))
    await post.add_due("pair", 5)
    await post.claim()
    assert len(await post.queued()) == 1


async def test_nothing_is_sent_for_who_is_gone_stopping_or_only_a_scheduler(post: Post) -> None:
    await post.worker()
    await post.execute("UPDATE scheduler_nodes SET lease_expires_at = now()")
    await post.announce(post.scheduler, role="scheduler")
    await post.worker(state=NodeState.DRAINING)
    await post.worker(queue="in-process")
    await post.add_due("nap", 3)
    assert await post.claim() == 3
    assert await post.queued() == []
    await post.worker(capacity=2)
    await post.look()
    assert len(await post.queued()) == 2


async def test_a_cancel_is_on_record_before_the_message_is_called_back(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 2)
    await post.claim()
    async with post.database.connection() as connection:
        run = await connection.fetchval("SELECT id FROM job_runs LIMIT 1")
    await Operations(post.database, actor="ada", per_bot_types=(), extra_bots=()).cancel(run)
    assert len(await post.queued()) == 2
    assert await worker.recall() == 1
    [left] = await post.queued()
    assert left["payload"] != run.bytes
    assert await worker.recall() == 0


async def test_a_retry_that_a_pause_could_not_see_is_neither_sent_nor_started(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 1)
    await post.claim()
    [run], _ = await worker.take(models=(), most=1)
    outcome = FinishedRun(id=run.id, status=RunStatus.FAILED, error_message="no")
    await worker.finish_runs([outcome], retries={run.id: 0.0})
    await post.execute("ALTER TABLE scheduled_jobs DISABLE TRIGGER scheduled_jobs_pause_waiting")
    await post.execute("UPDATE scheduled_jobs SET enabled = false WHERE job_type = 'nap'")
    await post.look()
    assert await post.queued() == []
    await post.execute("UPDATE scheduled_jobs SET enabled = true WHERE job_type = 'nap'")
    await post.look()
    assert len(await post.queued()) == 1
    await post.execute("UPDATE scheduled_jobs SET enabled = false WHERE job_type = 'nap'")
    assert await worker.take(models=(), most=1) == ([], 1)
    assert await post.statuses() == {"failed": 1, "pending": 1}


async def test_somebody_elses_message_in_our_queue_does_no_harm(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 1)
    await post.claim()
    await post.execute(
        "INSERT INTO bawt_pgqueuer.pgqueuer (priority, status, entrypoint, payload, dedupe_key)"
        " VALUES (9, 'queued', 'nap', 'hello', 'mine'), (9, 'queued', 'nap', NULL, NULL)"
    )
    runs, messages = await worker.take(models=(), most=10)
    assert (len(runs), messages) == (1, 3)


async def test_the_log_of_messages_is_kept_for_an_hour_only(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 3)
    await post.claim()
    await worker.take(models=(), most=10)
    count = "SELECT count(*) FROM bawt_pgqueuer.pgqueuer_log"
    await post.execute(
        "UPDATE bawt_pgqueuer.pgqueuer_log SET created = now() - interval '61 minutes'"
        " WHERE status = 'queued'"
    )
    await worker.expire_history(days=90, batch=500)
    async with post.database.connection() as connection:
        assert await connection.fetchval(count) == 6


async def test_a_crash_of_the_server_that_empties_the_queue_costs_nothing(farm: Farm) -> None:
    await farm.start("boss", task_queue="pgqueuer", scheduler_role="scheduler")
    await farm.start("hand", task_queue="pgqueuer", scheduler_role="worker", scheduler_max_concurrent_runs=2)
    await farm.add_jobs("wait", 2)
    await farm.until_begun(2)
    await farm.add_jobs("nap", 10)

    async def sent() -> bool:
        return bool(await farm.connection.fetchval("SELECT count(*) FROM bawt_pgqueuer.pgqueuer"))

    await until(sent, seconds=10, what="messages wait for a place")
    await farm.connection.execute("TRUNCATE bawt_pgqueuer.pgqueuer")
    farm.gate.set()
    await farm.add_jobs("rare")
    await farm.until_over(13)
    assert {node for _, _, node in farm.begun} == {"hand"}


async def test_a_message_whose_run_cannot_start_does_not_go_round_at_full_speed(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, enough = WorkerStore.take, asyncio.Event()
    in_vain: list[float] = []

    async def noted(self: WorkerStore, **values: Any) -> tuple[list[StartedRun], int]:
        runs, messages = await take(self, **values)
        if messages and not runs:
            in_vain.append(time.monotonic())
            if len(in_vain) == 6:
                enough.set()
        return runs, messages

    monkeypatch.setattr(WorkerStore, "take", noted)
    [job] = await farm.add_jobs("nap", due_in=3600)
    run = "INSERT INTO job_runs (job_id, job_type, bot_id) VALUES ($1, 'nap', 'b1')"
    await farm.connection.execute(run, job)
    async with farm.connection.transaction():
        await farm.connection.execute("SELECT FROM job_runs FOR UPDATE")
        await farm.start("hand", task_queue="pgqueuer")
        async with asyncio.timeout(20):
            await enough.wait()
    # The first jobs of a new database start in between, three at most, and it begins anew after each.
    assert in_vain[-1] - in_vain[0] > 0.5
    await farm.until_over(1)


async def test_a_scheduler_alone_does_no_run_and_a_worker_alone_claims_none(farm: Farm) -> None:
    boss = await farm.start("boss", task_queue="pgqueuer", scheduler_role="scheduler")
    await farm.add_jobs("nap", 3)

    async def claimed() -> bool:
        return await farm.statuses("nap") == {"pending": 3}

    await until(claimed, seconds=10, what="all slots are claimed")
    await boss.stop()
    await farm.start("hand", task_queue="pgqueuer", scheduler_role="worker")
    await farm.add_jobs("rare", 2)
    await farm.start("boss2", task_queue="pgqueuer", scheduler_role="scheduler")
    await farm.until_over(5)
    assert farm.workers() == {"hand": 5}


async def test_nodes_with_and_without_messages_share_a_database(farm: Farm) -> None:
    await farm.start("old", task_queue="in-process", scheduler_max_concurrent_runs=3)
    await farm.start("new", task_queue="pgqueuer", scheduler_max_concurrent_runs=3)
    await farm.add_jobs("nap", 100)
    await farm.add_jobs("pair", 20)
    await farm.until_over(120)
    assert len(farm.begun) == 120
    assert farm.most["pair"] <= 2


async def test_a_part_of_a_node_without_a_queue_between_is_refused(database_url: str, tmp_path: Path) -> None:
    settings = Settings(
        database_url=database_url,  # type: ignore[arg-type]  # pydantic makes the secret
        data_dir=tmp_path,
        scheduler_role="worker",
    )
    with pytest.raises(ConfigError, match="only a worker needs a queue"):
        async with open_runtime(settings):
            raise AssertionError


def test_where_pgqueuer_is_missing_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pgqueuer", None)
    with pytest.raises(ConfigError, match="not installed") as refused:
        Messages()
    assert "pip install 'bawt-console[pgqueuer]'" in str(refused.value)


async def test_the_tables_are_made_once_and_upgraded_with_ours(database: Database) -> None:
    assert await upgrade_messages_if_there(database) is None
    assert sorted(await asyncio.gather(*(upgrade_messages(database) for _ in range(3)))) == [
        False,
        False,
        True,
    ]
    async with database.connection() as connection:
        # As an older release of PgQueuer left it.
        await connection.execute("DROP INDEX bawt_pgqueuer.pgqueuer_ep_ea_idx")
        await connection.execute("UPDATE llm_bawt_libraries SET version = '1.5.9'")
    assert await upgrade_messages_if_there(database) == await messages_version(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('bawt_pgqueuer.pgqueuer_ep_ea_idx')")
        await connection.execute("UPDATE llm_bawt_libraries SET version = '1.99.0'")
    assert not await upgrade_messages(database)


async def test_variables_meant_for_pgqueuer_itself_change_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGQUEUER_PREFIX", "PGQUEUER_SCHEMA", "PGQUEUER_QUEUE_TABLE", "QUEUE_TABLE"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("PGQUEUER_DURABILITY", "durable")
    await upgrade_messages(database)
    async with database.connection() as connection:
        kind = "SELECT relpersistence = 'u' FROM pg_class WHERE oid = 'bawt_pgqueuer.pgqueuer'::regclass"
        assert await connection.fetchval(kind)


async def test_a_run_nobody_can_do_fails_when_nobody_could_for_the_whole_grace(post: Post) -> None:
    worker = await post.worker()
    await post.add_due("nap", 1)
    await post.claim()
    await post.execute("UPDATE job_runs SET available_at = now() - interval '2 hours'")
    assert await worker.fail_unknown(grace=60, batch=10) == []
    # It waited for long, but its worker was there until just now.
    await post.execute("UPDATE scheduler_nodes SET lease_expires_at = now()")
    await post.announce(post.scheduler, role="scheduler")
    assert await post.sending.fail_unknown(grace=60, batch=10) == []
    await post.execute(
        "UPDATE scheduler_nodes SET started_at = now() - interval '11 minutes' WHERE role = 'scheduler'"
    )
    assert await post.sending.fail_unknown(grace=60, batch=10) == []
    await post.execute(
        "UPDATE scheduler_nodes SET lease_expires_at = now() - interval '9 minutes' WHERE role = 'worker'"
    )
    assert await post.sending.fail_unknown(grace=60, batch=10) == []
    await post.execute(
        "UPDATE scheduler_nodes SET lease_expires_at = now() - interval '11 minutes' WHERE role = 'worker'"
    )
    assert len(await post.sending.fail_unknown(grace=60, batch=10)) == 1
    async with post.database.connection() as connection:
        error = await connection.fetchval("SELECT error_message FROM job_runs")
    assert error == "No running worker can do the job type nap."


async def test_taking_a_few_of_very_many_reads_only_those(post: Post) -> None:
    worker = await post.worker(capacity=5)
    # On every connection of the pool, while there is nothing.
    await asyncio.gather(*(worker.take(models=(), most=5) for _ in range(5)))
    await post.add_due("nap", 20_000)
    for _ in range(40):
        await post.claim()
    explained = statement("pgqueuer/start_sent")
    async with post.database.connection() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        waiting = await connection.fetch("SELECT id FROM job_runs WHERE status = 'pending' LIMIT 5")
        values = explained.bind(
            job_types=["nap"], limits=[None], ids=[row["id"] for row in waiting], node=uuid4()
        )
        text = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {explained.text}"
        [(plan,)] = await connection.fetch(text, *values)
    assert plan[0]["Plan"]["Shared Hit Blocks"] < 500
