"""`jobs edit`, `runs cancel` and `runs retry` as a script uses them."""

import pytest

from tests.command_line.program import Program


def test_a_schedule_is_edited_with_the_times_that_follow(program: Program) -> None:
    arguments = ("jobs", "edit", "memory_decay", "--cron", "30 3 * * 1-5", "--time-zone", "Europe/Berlin")
    (would,) = program.run(*arguments, "--preview", "--json").objects
    assert would["words"] == "at 03:30 on Monday through Friday, Europe/Berlin"
    assert len(would["next_times"]) == 5
    (listed,) = [
        job for job in program.run("jobs", "list", "--json").objects if job["job_type"] == "memory_decay"
    ]
    assert listed["cron"] is None, "a preview must store nothing"
    (edited,) = program.run(*arguments, "--json").objects
    assert (edited["cron"], edited["time_zone"]) == ("30 3 * * 1-5", "Europe/Berlin")
    back = program.run("jobs", "edit", "memory_decay", "--every", "1 h 30 min")
    assert back.code == 0
    assert "memory_decay * is now every 1 h 30 min" in back.out
    assert len(back.out.splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cron", "30 25 * * *"), "The hour '25' of the cron expression cannot be read."),
        (("--every", "soon"), "'soon' is no interval."),
        (("--every", "1 h", "--cron", "@daily"), "either an interval or a cron expression"),
        (("--time-zone", "Europe/Berln"), "Did you mean Europe/Berlin?"),
        (("--config", '{"zzz":1}'), "memory_decay has no setting 'zzz'."),
        (("--config", "[1]"), "config_json is not a JSON object."),
        ((), "Say what to change"),
    ],
)
def test_what_cannot_be_is_a_usage_error_in_one_sentence(
    program: Program, arguments: tuple[str, ...], words: str
) -> None:
    refused = program.run("jobs", "edit", "memory_decay", *arguments)
    assert refused.code == 2
    assert words in refused.err
    assert refused.out == ""


def test_the_same_edit_twice_is_said_to_be_none(program: Program) -> None:
    assert program.run("jobs", "edit", "memory_decay", "--every", "2 h").code == 0
    again = program.run("jobs", "edit", "memory_decay", "--every", "120")
    assert again.code == 2
    assert "These are the settings the job has." in again.err


def test_only_a_failed_run_is_retried(program: Program) -> None:
    (run,) = program.run("jobs", "run", "profile_maintenance", "--json").objects
    refused = program.run("runs", "retry", run["id"][:8])
    assert refused.code == 2
    assert "The run did not fail: pending." in refused.err


@pytest.mark.parametrize("arguments", [("--open", "profile:ada"), ("--open", "run:7f3c", "--no-ui")])
def test_open_wants_an_object_and_a_screen(program: Program, arguments: tuple[str, ...]) -> None:
    refused = program.run(*arguments)
    assert refused.code == 2
    assert "--open" in refused.err


def test_a_waiting_run_is_cancelled_and_then_retried(program: Program) -> None:
    (run,) = program.run("jobs", "run", "profile_maintenance", "--json").objects
    cancelled = program.run("runs", "cancel", run["id"][:8])
    assert cancelled.code == 0, cancelled.err
    assert "before it started" in cancelled.out
    again = program.run("runs", "cancel", run["id"][:8])
    assert again.code == 2
    (retried,) = program.run("runs", "retry", run["id"][:8], "--json").objects
    assert retried["status"] == "pending"
