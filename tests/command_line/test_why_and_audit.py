"""Why a job did not run, in words; and the proof that no slot was lost."""

import pytest

from tests.command_line.program import Program


def psql(program: Program, statement: str) -> str:
    done = program.run("db", "psql", "--", "-qtAc", statement)
    assert done.code == 0, done.err
    return done.out.strip()


@pytest.fixture
def used(program: Program) -> Program:
    """After one round of the default jobs."""
    assert program.run("--no-ui", "--once").code == 0
    return program


def test_a_paused_job_names_who_and_why(used: Program) -> None:
    used.run("jobs", "pause", "memory_decay", "--reason", "check first")
    said = used.run("why", "memory_decay").out
    assert "It is paused by " in said
    assert ": check first." in said
    assert "will not run by itself until it is resumed" in said


def test_earlier_decisions_are_kept_with_their_reasons(used: Program) -> None:
    said = used.run("why", "profile_maintenance").out.splitlines()
    assert said[0] == "It is not running."
    assert said[1].startswith("Its next slot is ")
    assert "skipped, no profiles" in said[2]


def test_a_due_job_without_any_node_says_so(used: Program) -> None:
    psql(used, "UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute'")
    assert "no scheduler is running on this database" in used.run("why", "memory_decay").out
    used.run("jobs", "run", "profile_maintenance")
    assert "waits since" in used.run("why", "profile_maintenance").out


def test_an_audit_of_honest_history_is_exact(used: Program) -> None:
    psql(used, "UPDATE scheduled_jobs SET next_run_at = now() - interval '1 minute'")
    used.run("--no-ui", "--once")
    report = used.run("audit", "--json")
    assert report.code == 0
    assert (report.objects[0]["due"], report.objects[0]["exact"]) == (6, True)
    assert "6 slots = 0 pending + 0 running + 0 success + 0 failed + 6 skipped" in used.run("audit").out


@pytest.mark.parametrize(
    ("crime", "words"),
    [
        ("UPDATE scheduled_jobs SET claim_seq = claim_seq + 1", "due 2 times, recorded 1"),
        ("DELETE FROM job_runs WHERE job_type = 'memory_decay'", None),
        (
            "UPDATE job_runs SET status = 'running', finished_at = NULL, reason = NULL,"
            " node_id = gen_random_uuid() WHERE job_type = 'memory_decay'",
            "abandoned: 1",
        ),
    ],
)
def test_an_audit_finds_what_must_never_be(used: Program, crime: str, words: str | None) -> None:
    psql(used, "UPDATE scheduled_jobs SET last_run_at = now()")
    psql(used, crime)
    report = used.run("audit")
    assert report.code == 1
    assert "✗" in report.out
    assert words is None or words in report.out


def test_a_type_that_no_node_knows_is_named(program: Program) -> None:
    program.run("jobs", "list")
    psql(program, "DELETE FROM scheduled_jobs; INSERT INTO scheduled_jobs (job_type) VALUES ('gardening')")
    program.run("--no-ui", "--once")
    psql(
        program,
        "INSERT INTO scheduler_nodes (id, name, state, version, job_types, lease_expires_at)"
        " VALUES (gen_random_uuid(), 'attic', 'active', '0', '{profile_maintenance}',"
        " now() + interval '1 hour')",
    )
    assert "no running node knows the job type gardening" in program.run("why", "gardening").out
