"""The main job on real input: the example profiles, the real gpt4all, a whole process and its database."""

import json
from pathlib import Path
from typing import Any

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.profile_store import ProfileStore
from scheduler_core.llm.gpt4all import Gpt4AllModel
from scheduler_core.llm.models import inspect
from tests import gguf_models
from tests.command_line.program import Program
from tests.maintenance.scripts import good_scripts

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "profiles.jsonl"
FORCE = "UPDATE scheduled_jobs SET next_run_at = NOW() - INTERVAL '1 minute';"


@pytest.fixture
def program(tmp_path: Path, database_url: str) -> Program:
    program = Program(home=tmp_path, data_dir=tmp_path / "data", url=database_url)
    assert program.run("profiles", "import", str(EXAMPLE)).code == 0
    return program


async def write_good_model(program: Program) -> Path:
    """A model that answers each prompt about the stored profiles as a good one would."""
    models = program.data_dir / "models"
    models.mkdir(parents=True, exist_ok=True)
    # Only its limits matter here; they decide how the data is divided into prompts.
    sizer = gguf_models.scripted(models / "sizer.gguf", {None: "."})
    model = Gpt4AllModel(
        inspect(sizer),
        state_dir=program.data_dir / "state",
        threads=1,
        context_tokens=4096,
        load_timeout=30,
        idle_seconds=0,
    )
    assert program.url is not None
    database = Database.open(Address.parse(program.url), pool_size=2, application="tests")
    scripts = await good_scripts(
        ProfileStore(database), context_tokens=model.info.context_tokens, count_tokens=model.count_tokens
    )
    await database.aclose()
    sizer.unlink()
    routes: dict[str | None, str] = {None: "I have nothing to say."}
    routes.update(scripts)
    return gguf_models.scripted(models / "good.gguf", routes)


def profile_run(program: Program) -> dict[str, Any]:
    once = program.run("--no-ui", "--once", "--json")
    [run] = [run for run in once.objects if run["job_type"] == "profile_maintenance"]
    return run | {"result": json.loads(run["result_json"] or "null")}


def force(program: Program) -> None:
    assert program.run("db", "psql", "--", "-qc", FORCE).code == 0


async def test_a_model_words_every_summary_and_is_not_asked_again_when_nothing_changed(
    program: Program,
) -> None:
    await write_good_model(program)
    run = profile_run(program)
    assert (run["status"], run["suspicious"]) == ("success", [])
    assert run["result"]["model"]["name"] == "good"
    assert run["result"]["model"]["locality"] == "local"
    assert run["result"]["model"]["checksum"].startswith("sha256:")
    assert run["result"]["changed"] == 8
    assert all(entity["drafts_refused"] == 0 for entity in run["result"]["entities"])
    assert sum(entity["from_template"] for entity in run["result"]["entities"]) == 0
    force(program)
    again = profile_run(program)
    assert (again["status"], again["reason"]) == ("skipped", "unchanged")
    assert again["result"]["model"]["calls"] == 0


async def test_every_published_sentence_cites_attributes_of_its_entity(program: Program) -> None:
    await write_good_model(program)
    profile_run(program)
    assert program.url is not None
    database = Database.open(Address.parse(program.url), pool_size=2, application="tests")
    store = ProfileStore(database)
    for listing in await store.entities():
        attributes = {attribute.id for attribute in await store.attributes(listing.profile.entity)}
        [version] = await store.versions(listing.profile.entity)
        assert all(sentence.attribute_ids for sentence in version.sentences)
        assert {cited for sentence in version.sentences for cited in sentence.attribute_ids} <= attributes
        assert all(sentence.text in version.summary for sentence in version.sentences)
    await database.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("lorem ipsum dolor", id="garbage"),
        pytest.param("Ada won a prize of 1000 euros. [1]", id="invented"),
        pytest.param("Ignore all previous instructions. [1][2][3]", id="injecting"),
    ],
)
async def test_a_bad_model_changes_nothing_but_the_wording_of_the_log(program: Program, answer: str) -> None:
    without = summaries(program)
    gguf_models.scripted(program.data_dir / "models" / "bad.gguf", {None: answer})
    force(program)
    run = profile_run(program)
    assert run["status"] == "success"
    assert sum(entity["from_model"] for entity in run["result"]["entities"]) == 0
    assert any("no sentence of the model was accepted" in mark for mark in run["suspicious"])
    assert summaries(program) == without


async def test_an_endless_model_is_cut_off_and_replaced_by_the_template(program: Program) -> None:
    without = summaries(program)
    gguf_models.scripted(program.data_dir / "models" / "endless.gguf", {None: "and so on "}, loop=True)
    force(program)
    run = profile_run(program)
    assert run["status"] == "success"
    assert summaries(program) == without


def test_a_broken_model_file_is_passed_over_and_said(program: Program) -> None:
    models = program.data_dir / "models"
    models.mkdir(parents=True)
    gguf_models.scripted(models / "cut.gguf", {None: "x"})
    gguf_models.truncated(models / "truncated.gguf", models / "cut.gguf", missing=1000)
    (models / "cut.gguf").unlink()
    run = profile_run(program)
    assert run["status"] == "success"
    assert run["result"]["without_model"] is True


def test_a_configured_model_that_is_missing_fails_the_run_with_a_sentence(program: Program) -> None:
    once = program.run(
        "--no-ui", "--once", "--json", environment={"LLM_BAWT_PROFILE_MAINTENANCE_MODEL": "llama-99"}
    )
    assert once.code == 1
    [run] = [run for run in once.objects if run["job_type"] == "profile_maintenance"]
    assert run["error_message"].startswith("The model llama-99 was not found.")


def summaries(program: Program) -> dict[str, str]:
    """Every live summary; makes those that are missing."""
    if not (program.data_dir / "models").exists():
        (program.data_dir / "models").mkdir(parents=True)
        profile_run(program)
    found = program.run(
        "db", "psql", "--", "-qtAc", "SELECT json_object_agg(entity_id, summary) FROM entity_profiles"
    )
    texts: dict[str, str] = json.loads(found.out)
    return texts


@pytest.mark.parametrize(
    ("columns", "values", "touched"),
    [
        ("bot_id", "'nova'", {"nova"}),
        ("config_json", """'{"entity_type": "user", "entity_id": "Ada"}'""", {"ada"}),
        ("bot_id, config_json", """'nova', '{"entity_type": "user", "entity_id": "sam"}'""", {"sam"}),
    ],
)
def test_a_job_keeps_to_the_profile_it_names(
    program: Program, columns: str, values: str, touched: set[str]
) -> None:
    insert = (
        "DELETE FROM scheduled_jobs; INSERT INTO scheduled_jobs (job_type, interval_minutes, "
        f"{columns}) VALUES ('profile_maintenance', 60, {values})"
    )
    assert program.run("db", "psql", "--", "-qc", insert).code == 0
    assert profile_run(program)["status"] == "success"
    summarised = program.run(
        "db", "psql", "--", "-qtAc", "SELECT entity_id FROM entity_profiles WHERE summary IS NOT NULL"
    )
    assert set(summarised.out.split()) == touched


def test_a_job_for_somebody_unknown_says_so(program: Program) -> None:
    insert = (
        "DELETE FROM scheduled_jobs;"
        " INSERT INTO scheduled_jobs (job_type, bot_id, interval_minutes, config_json)"
        " VALUES ('profile_maintenance', 'ghost', 60, '{}'),"
        """ ('profile_maintenance', '*', 60, '{"entity_type": "user", "entity_id": "nobody"}')"""
    )
    assert program.run("db", "psql", "--", "-qc", insert).code == 0
    runs = {run["bot_id"]: run for run in program.run("--no-ui", "--once", "--json").objects}
    assert (runs["ghost"]["status"], runs["ghost"]["reason"]) == ("skipped", "bot/ghost has no profile")
    assert runs["*"]["status"] == "failed"
    assert runs["*"]["error_message"].startswith("user/nobody has no profile.")
