"""Parts of a node from the command line: roles, what they refuse, and what `why` says of workers."""

import pytest

from tests.command_line.program import Program
from tests.command_line.test_why_and_audit import psql

MESSAGES = {"LLM_BAWT_TASK_QUEUE": "pgqueuer"}
NODE = (
    "INSERT INTO scheduler_nodes"
    " (id, name, state, version, job_types, lease_expires_at, role, queue, capacity, models)"
    " VALUES (gen_random_uuid(), '{role}', 'active', '0', '{{memory_decay}}', now() + interval '1 hour',"
    " '{role}', 'pgqueuer', 4, '{models}')"
)


@pytest.mark.parametrize("role", ["worker", "scheduler"])
def test_a_part_of_a_node_needs_a_queue_to_the_others(program: Program, role: str) -> None:
    refused = program.run("--no-ui", "--role", role)
    assert refused.code == 2
    assert f"A node that is only a {role} needs a queue to the others." in refused.err
    assert "LLM_BAWT_TASK_QUEUE=pgqueuer" in refused.err


@pytest.mark.parametrize("arguments", [("--role", "worker"), ("--no-ui", "--once", "--role", "worker")])
def test_a_role_is_for_who_runs_without_a_screen_and_on(program: Program, arguments: tuple[str, ...]) -> None:
    refused = program.run(*arguments)
    assert refused.code == 2
    assert "--role needs --no-ui" in refused.err


def test_running_what_is_due_needs_no_worker(program: Program) -> None:
    done = program.run("--no-ui", "--once", environment=MESSAGES)
    assert done.code == 0, done.err
    assert "3 slots" in program.run("audit").out


def test_upgrading_covers_the_tables_of_messages(program: Program) -> None:
    assert program.run("db", "upgrade", "--json").objects[0]["pgqueuer"] is None
    done = program.run("db", "upgrade", environment=MESSAGES)
    assert "PgQueuer's tables there are of 1." in done.out
    assert program.run("db", "upgrade", "--json").objects[0]["pgqueuer"].startswith("1.")


def test_a_waiting_run_says_which_worker_it_lacks(program: Program) -> None:
    program.run("jobs", "list")
    psql(program, NODE.format(role="scheduler", models="{}"))
    psql(
        program,
        "UPDATE scheduled_jobs SET config_json = '{\"needs_model\": \"Falcon\"}', bot_id = 'eli'"
        " WHERE job_type = 'memory_decay'",
    )
    assert program.run("jobs", "run", "memory_decay").code == 0
    assert "only schedulers are running, and no worker that can do memory_decay" in said(program)
    psql(program, NODE.format(role="worker", models="{}"))
    assert "no running worker of memory_decay has the model falcon, which it needs" in said(program)
    psql(program, "UPDATE scheduler_nodes SET models = '{falcon}'")
    assert "every place for its type is taken" in said(program)
    psql(program, "DELETE FROM scheduler_nodes WHERE role = 'scheduler'")
    assert "only workers are running, and no scheduler sends it to one of them" in said(program)


def said(program: Program) -> str:
    return program.run("why", "memory_decay").out
