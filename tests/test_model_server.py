"""Maintenance through an OpenAI-compatible server: the whole program, real profiles, a real database."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.llm.token_estimate import estimated_tokens
from tests.command_line.program import Finished, Program
from tests.llm.model_server import CHAT, MODELS, Act, Heard, ModelServer, error, model_server, models, says
from tests.maintenance.scripts import good_scripts
from tests.test_end_to_end import EXAMPLE, force

KEY = "sk-canary-of-the-key"


@pytest.fixture
def program(tmp_path: Path, database_url: str) -> Program:
    program = Program(home=tmp_path, data_dir=tmp_path / "data", url=database_url)
    assert program.run("profiles", "import", str(EXAMPLE)).code == 0
    return program


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as running:
        running.on(MODELS, models("tiny"))
        yield running


async def good(program: Program) -> Act:
    """Answers each prompt about the stored profiles as a good model would."""
    assert program.url is not None
    database = Database.open(Address.parse(program.url), pool_size=2, application="tests")
    scripts = await good_scripts(ProfileStore(database), context_tokens=4096, count_tokens=estimated_tokens)
    await database.aclose()

    async def act(heard: Heard, writer: asyncio.StreamWriter) -> None:
        marker = heard.body["messages"][-1]["content"].splitlines()[0]
        await says(scripts.get(marker, "I have nothing to say."))(heard, writer)

    return act


def environment(server: ModelServer, **more: str) -> dict[str, str]:
    return {
        "LLM_BAWT_OPENAI_BASE_URL": f"http://localhost:{server.port}/v1",
        "LLM_BAWT_OPENAI_API_KEY": KEY,
        **{f"LLM_BAWT_{name.upper()}": value for name, value in more.items()},
    }


async def run_once(program: Program, environment: dict[str, str]) -> tuple[dict[str, Any], Finished]:
    def run() -> Finished:
        return program.run("--no-ui", "--once", "--json", environment=environment)

    done = await asyncio.to_thread(run)
    [found] = [run for run in done.objects if run["job_type"] == "profile_maintenance"]
    return found | {"result": json.loads(found["result_json"] or "null")}, done


async def test_a_server_on_this_machine_words_every_summary(program: Program, server: ModelServer) -> None:
    server.on(CHAT, error(503), await good(program))
    run, done = await run_once(program, environment(server))
    assert (run["status"], run["suspicious"]) == ("success", [])
    assert run["result"]["changed"] == 8
    assert sum(entity["from_template"] for entity in run["result"]["entities"]) == 0
    used = run["result"]["model"]
    assert (used["name"], used["provider"], used["locality"]) == ("tiny", "openai", "local")
    assert used["checksum"] == ""
    answered = len(server.heard_at(CHAT)) - 1
    assert (used["calls"], used["tokens_in"], used["tokens_out"]) == (answered, 11 * answered, 7 * answered)
    assert used["tokens_per_second"] > 0
    assert KEY not in done.out + done.err
    force(program)
    again, _ = await run_once(program, environment(server))
    assert (again["status"], again["reason"]) == ("skipped", "unchanged")
    assert len(server.heard_at(CHAT)) == answered + 1


async def test_a_server_that_fails_is_replaced_by_the_template_and_asked_again_later(
    program: Program, server: ModelServer
) -> None:
    server.on(CHAT, error(400, message=f"no, {KEY}"))
    run, done = await run_once(program, environment(server))
    assert (run["status"], run["result"]["changed"]) == ("success", 8)
    assert "the model stopped answering; the rest was done without it" in run["suspicious"]
    assert KEY not in done.out + done.err
    server.on(CHAT, await good(program))
    force(program)
    run, _ = await run_once(program, environment(server))
    assert sum(entity["from_model"] for entity in run["result"]["entities"]) > 8


async def test_a_configured_model_that_the_server_lacks_fails_the_run_with_a_sentence(
    program: Program, server: ModelServer
) -> None:
    run, _ = await run_once(program, environment(server, profile_maintenance_model="openai:huge"))
    assert run["status"] == "failed"
    assert run["error_message"].startswith(f"The model server localhost:{server.port} has no model huge.")
