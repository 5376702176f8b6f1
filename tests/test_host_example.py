"""The chat service of the examples, as a host runs it: over HTTP, on a real server, until its SIGTERM."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.history import History
from scheduler_core.db.operations import Operations
from scheduler_core.domain import NodeState, RunFilter, RunStatus
from tests.ports import free_port

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@asynccontextmanager
async def service(
    url: str, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.subprocess.Process]]:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LLM_BAWT_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "chat_service:app", "--app-dir", str(EXAMPLES)),
        *("--port", str(port), "--log-level", "warning"),
        env=kept | {"DATABASE_URL": url, "HOME": str(folder), "LLM_BAWT_DATA_DIR": str(folder)},
        cwd=folder,
    )
    try:
        transport = httpx.AsyncHTTPTransport(retries=0)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=10
        ) as client:
            async with asyncio.timeout(60):
                while True:
                    try:
                        await client.get("/docs")
                        break
                    except httpx.ConnectError:
                        assert process.returncode is None, "the service ended by itself"
                        await asyncio.sleep(0.1)
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_service_remembers_summarises_runs_its_own_jobs_and_stops_in_order(
    empty_database: str, tmp_path: Path
) -> None:
    async with service(empty_database, tmp_path) as (client, process):
        first = await client.post("/messages", json={"user": "ada", "text": "I moved to Dresden"})
        assert first.json() == {"system": "You are a friendly assistant.", "user": "I moved to Dresden"}
        refused = await client.post("/messages", json={"user": "Ada!", "text": "x"})
        assert refused.status_code == 422

        database = Database.open(Address.parse(empty_database), pool_size=2, application="tests")
        history, operations = History(database), Operations(database, actor="tests")
        jobs = {each.job.job_type: each.job for each in await history.jobs()}
        [asked] = await operations.force_run(jobs["profile_maintenance"].id)
        async with asyncio.timeout(30):
            while not (await history.run(asked.id)).status.is_final:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
        second = await client.post("/messages", json={"user": "ada", "text": "hello again"})
        assert "Dresden" in second.json()["system"]

        tidied = await history.runs(RunFilter(job_type="tidy_messages"))
        assert [(run.status, run.reason) for run in tidied] == [(RunStatus.SKIPPED, "nothing old enough")]

        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.wait()
        nodes = await history.nodes()
        assert [node.state for node in nodes] != [NodeState.ACTIVE], "it said goodbye"
        async with database.connection() as connection:
            kept = await connection.fetchval("SELECT json_agg(said ORDER BY id) FROM messages")
        assert kept == ["I moved to Dresden", "hello again"]
        await database.aclose()
