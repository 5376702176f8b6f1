"""What somebody with the rights of one of the roles can do on the command line."""

import pytest

from tests.command_line.program import Finished, Program

LOOKING = (
    ("jobs", "list"),
    ("runs", "list"),
    ("nodes", "list"),
    ("actions", "list"),
    ("brief",),
    ("stats",),
    ("forecast",),
    ("why", "memory_decay"),
    ("audit",),
)


@pytest.fixture
def shared(program: Program) -> Program:
    """A database with its default jobs and the roles."""
    assert program.run("jobs", "list").code == 0
    roles = program.run("db", "roles").out
    assert program.run("db", "psql", "--", "-q", "-c", roles).code == 0
    return program


def run_as(role: str, program: Program, *arguments: str) -> Finished:
    return program.run(*arguments, environment={"LLM_BAWT_DATABASE_URL": f"{program.url}&role={role}"})


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_a_viewer_looks_at_jobs_and_runs(shared: Program, arguments: tuple[str, ...]) -> None:
    looked = run_as("bawt_viewer", shared, *arguments)
    assert looked.code == 0, looked.err
    assert "error" not in looked.err


def test_a_viewer_reads_of_one_run_but_not_what_it_changed(shared: Program) -> None:
    (run,) = shared.run("jobs", "run", "profile_maintenance", "--json").objects
    assert run_as("bawt_viewer", shared, "runs", "show", run["id"]).code == 0
    refused = run_as("bawt_viewer", shared, "runs", "diff", run["id"])
    assert "may not read these tables" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("profiles", "list"), "may not read these tables"),
        (("memories", "list"), "may not read these tables"),
        (("doctor",), "may not read these tables"),
        (("jobs", "pause", "memory_decay"), "Ask for a role that may write these tables."),
    ],
    ids=str,
)
def test_what_a_viewer_may_not_do_is_told_from_what_it_may_not_read(
    shared: Program, arguments: tuple[str, ...], words: str
) -> None:
    refused = run_as("bawt_viewer", shared, *arguments)
    assert refused.code == 3
    assert words in refused.err


def test_an_operator_needs_no_more_than_its_role(shared: Program) -> None:
    assert run_as("bawt_operator", shared, "jobs", "pause", "memory_decay").code == 0
    assert run_as("bawt_operator", shared, "jobs", "resume", "memory_decay").code == 0
