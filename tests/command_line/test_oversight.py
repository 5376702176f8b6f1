"""`brief`, `nodes list` and `actions`, as a person and a script see them."""

import pytest

from tests.command_line.program import Program


@pytest.fixture
def used(program: Program) -> Program:
    """After one round of the default jobs and two actions of a person."""
    assert program.run("--no-ui", "--once").code == 0
    assert program.run("jobs", "pause", "memory_decay", "--reason", "check\x1b[31m first").code == 0
    assert program.run("jobs", "run", "profile_maintenance").code == 0
    return program


def test_a_brief_tells_of_runs_and_pauses_and_counts_as_a_visit(used: Program) -> None:
    first = used.run("brief")
    assert first.code == 0
    assert first.out.startswith("Since ")
    assert "‖ paused" in first.out
    assert "No earlier visit is known." in first.err
    assert "\x1b" not in first.out
    again = used.run("brief").out
    assert again.startswith("Since you left")
    assert "nothing ran" in again


def test_a_brief_has_one_line_for_each_thing_whatever_its_name(used: Program) -> None:
    rename = "UPDATE scheduled_jobs SET bot_id = E'no\\nva' WHERE NOT enabled"
    assert used.run("db", "psql", "--", "-c", rename).code == 0
    told = used.run("brief").out
    assert "memory_decay no va " in told


def test_a_brief_of_another_time_is_no_visit_and_comes_as_json(used: Program) -> None:
    [told] = used.run("brief", "--since", "2d", "--json").objects
    assert told["total"] == 3
    assert told["calm"] is False
    assert [job["job_type"] for job in told["paused"]] == ["memory_decay"]
    assert told["last_visit"] is None
    assert used.run("brief", "--json").objects[0]["last_visit"] is None


@pytest.mark.parametrize("when", ["yesterday", "2031-01-01", "9999w"])
def test_a_time_that_cannot_be_is_one_sentence(program: Program, when: str) -> None:
    done = program.run("brief", "--since", when)
    assert (done.code, done.out) == (2, "")
    assert "Write" in done.err


def test_nodes_are_listed_with_their_heartbeat(used: Program) -> None:
    [node] = used.run("nodes", "list", "--json").objects
    assert node["state"] == "stopped"
    assert node["heartbeat_seconds"] >= 0
    assert "memory_decay" in node["job_types"]
    assert node["runs"] == []
    assert node["memory_bytes"] > 0
    table = used.run("nodes", "list").out
    assert "HEARTBEAT" in table
    # It stopped, so it takes none any more.
    assert [line.split()[-1] for line in table.splitlines()] == ["RUNS", "–"]
    assert node["name"] in table


def test_without_a_node_the_list_says_how_to_get_one(program: Program) -> None:
    done = program.run("nodes", "list")
    assert done.code == 0
    assert "bawt-console --no-ui" in done.err


def test_actions_are_listed_filtered_and_taken_back(used: Program) -> None:
    forced, paused = used.run("actions", "list", "--json").objects
    assert (forced["action"], paused["action"]) == ("force_run", "pause")
    assert (paused["can_be_undone"], forced["can_be_undone"]) == (True, False)
    assert paused["actor"].endswith(" command")
    table = used.run("actions", "list", "did:pause", "since:1d").out
    assert "memory_decay" in table
    assert "force_run" not in table
    assert "\x1b" not in table
    number = str(paused["id"])
    undone = used.run("actions", "undo", number)
    assert (undone.code, undone.out) == (0, f"memory_decay * is resumed. Action {number} is taken back.\n")
    [newest, *_] = used.run("actions", "list", "--json", "--limit", "1").objects
    assert (newest["action"], newest["undoes"]) == ("resume", paused["id"])


def test_what_cannot_be_taken_back_is_refused_with_the_reason(used: Program) -> None:
    forced, paused = used.run("actions", "list", "--json").objects
    refused = used.run("actions", "undo", str(forced["id"]))
    assert refused.code != 0
    assert "The run is not over: pending." in refused.err
    used.run("jobs", "resume", "memory_decay")
    late = used.run("actions", "undo", str(paused["id"]), "--json")
    assert (late.out, late.code) == ("", refused.code)
    assert "was changed since" in late.err
    assert "There is no action 4711." in used.run("actions", "undo", "4711").err
    assert used.run("actions", "list", "colour:red").code == 2
