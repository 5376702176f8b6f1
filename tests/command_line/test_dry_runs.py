"""Dry run, apply, undo, diff and the past of profiles, as a script and a person see them."""

from tests.command_line.program import Finished, Program, line

ADA = line(value="Dresden") + line(key="hobby", value="chess") + line(key="name", value="Ada")


def once(program: Program) -> Finished:
    return program.run("--no-ui", "--once", "--json")


def asked(program: Program, *arguments: str) -> tuple[str, Finished]:
    """A run that was asked for and ran; its id and how the scheduler ended."""
    [run] = program.run(*arguments, "--json").objects
    return run["id"], once(program)


def summary(program: Program) -> str | None:
    [shown] = program.run("profiles", "show", "user/ada", "--json").objects
    text: str | None = shown["summary"]
    return text


def with_ada(program: Program) -> None:
    """Imports her, and takes the default jobs' first slots out of the way."""
    program.run("profiles", "import", "-", stdin=ADA)
    program.run("db", "psql", "--", "-c", "UPDATE scheduled_jobs SET next_run_at = now() + interval '1 day'")


def test_a_dry_run_is_compared_applied_and_undone(program: Program) -> None:
    with_ada(program)
    dry, ended = asked(program, "jobs", "run", "profile_maintenance", "--dry-run")
    assert ended.code == 0
    assert [(run["mode"], run["status"]) for run in ended.objects] == [("dry_run", "success")]
    assert summary(program) is None

    planned = program.run("runs", "diff", dry)
    assert planned.code == 0
    assert planned.out.startswith("user/ada   3 attributes, 3 kept")
    assert "\n+ Location: Dresden. [1]\n" in planned.out
    [change] = program.run("runs", "diff", dry[:8], "--json").objects
    assert (change["object"], change["before"]) == ("user/ada", [])
    assert all(sentence["attribute_ids"] for sentence in change["after"])

    applied, ended = asked(program, "runs", "apply", dry[:8])
    assert [(run["mode"], run["source_run_id"]) for run in ended.objects] == [("apply", dry)]
    live = summary(program)
    assert live is not None
    assert " ".join(sentence["text"] for sentence in change["after"]) == live.replace("\n", " ")
    again = program.run("runs", "apply", dry)
    assert (again.code, f"was applied by run {applied}" in again.err) == (2, True)
    assert f"source_run_id        {dry}" in program.run("runs", "show", applied).out

    undo, ended = asked(program, "runs", "undo", applied)
    assert (ended.code, summary(program)) == (0, None)
    assert program.run("runs", "diff", undo).out.count("\n− ") == len(change["after"])
    assert once(program).out == ""
    program.run("jobs", "run", "profile_maintenance")
    assert [run["reason"] for run in once(program).objects] == ["unchanged"]


def test_a_dry_run_heals_no_job_and_is_called_one_wherever_it_is_listed(program: Program) -> None:
    with_ada(program)
    broken = "UPDATE scheduled_jobs SET config_json = '{\"zzz\": 1}' WHERE job_type = 'profile_maintenance'"
    program.run("db", "psql", "--", "-c", broken)
    asked(program, "jobs", "run", "profile_maintenance")
    program.run("jobs", "edit", "profile_maintenance", "--config", "{}")
    program.run("jobs", "run", "profile_maintenance", "--dry-run")
    printed = program.run("--no-ui", "--once").out
    assert "  dry run" in printed

    failed = program.run("jobs", "list", "--state", "failed").out
    assert "profile_maintenance" in failed
    listed = program.run("runs", "list").out.splitlines()
    assert "dry run" in listed[1]
    said = program.run("why", "profile_maintenance").out
    assert "dry run, asked for " in said
    assert "ran successfully" not in said
    figures = program.run("stats", "--json").objects
    assert sum(each["success"] for each in figures if each.get("job_type") == "profile_maintenance") == 0


def test_applying_after_the_source_moved_fails_and_names_the_entity(program: Program) -> None:
    with_ada(program)
    dry, _ = asked(program, "jobs", "run", "profile_maintenance", "--dry-run")
    program.run("profiles", "import", "-", stdin=line(key="pet", value="a cat"))
    _, ended = asked(program, "runs", "apply", dry)
    assert ended.code == 1
    assert "user/ada changed since" in ended.objects[0]["error_message"]
    assert summary(program) is None


def test_an_undo_under_something_newer_fails_and_names_the_entity(program: Program) -> None:
    with_ada(program)
    first, _ = asked(program, "jobs", "run", "profile_maintenance")
    program.run("profiles", "import", "-", stdin=line(key="pet", value="a cat"))
    asked(program, "jobs", "run", "profile_maintenance")
    _, ended = asked(program, "runs", "undo", first)
    assert ended.code == 1
    assert "user/ada (version 2 was published since)" in ended.objects[0]["error_message"]


def test_what_cannot_be_applied_or_undone_is_a_usage_error(program: Program) -> None:
    with_ada(program)
    run, _ = asked(program, "jobs", "run", "profile_maintenance")
    refused = program.run("runs", "apply", run)
    assert (refused.code, "This is not a dry run" in refused.err) == (2, True)
    assert program.run("runs", "undo", "0000").code == 2
    dry, ended = asked(program, "jobs", "run", "profile_maintenance", "--dry-run")
    assert [run["status"] for run in ended.objects] == ["skipped"]
    nothing = program.run("runs", "diff", dry)
    assert (nothing.code, "left no plan: skipped" in nothing.err) == (2, True)


def test_waiting_for_a_run_that_fails_makes_the_exit_code_one(program: Program) -> None:
    with_ada(program)
    scheduler = program.start("--no-ui")
    try:
        dry = program.run("jobs", "run", "profile_maintenance", "--dry-run", "--wait", "--json")
        assert (dry.code, dry.objects[0]["status"]) == (0, "success")
        program.run("profiles", "import", "-", stdin=line(key="pet", value="a cat"))
        applied = program.run("runs", "apply", dry.objects[0]["id"], "--wait")
        assert (applied.code, "failed apply of profile_maintenance" in applied.out) == (1, True)
    finally:
        scheduler.terminate()
        scheduler.communicate(timeout=30)


def test_versions_are_listed_compared_and_brought_back(program: Program) -> None:
    with_ada(program)
    asked(program, "jobs", "run", "profile_maintenance")
    first = summary(program)
    program.run("profiles", "import", "-", stdin=line(key="pet", value="a cat"))
    asked(program, "jobs", "run", "profile_maintenance")

    listed = program.run("profiles", "versions", "user/ada", "--json").objects
    assert [version["version"] for version in listed] == [2, 1]
    assert "VERSION" in program.run("profiles", "versions", "user/ada").out
    newest, named = (
        program.run("profiles", "diff", "user/ada", *numbers).out for numbers in ([], ["1", "2"])
    )
    assert newest == named
    assert "user/ada   version 1 → 2" in newest
    assert "cat" in newest

    back = program.run("profiles", "rollback", "user/ada", "1")
    assert (back.code, "version 3 of user/ada equals version 1" in back.out) == (0, True)
    assert summary(program) == first
    program.run("jobs", "run", "profile_maintenance")
    assert [run["reason"] for run in once(program).objects] == ["unchanged"]
    assert program.run("audit").code == 0


def test_going_back_to_deleted_words_is_refused_and_names_them(program: Program) -> None:
    with_ada(program)
    asked(program, "jobs", "run", "profile_maintenance")
    program.run("db", "psql", "--", "-c", "DELETE FROM entity_profile_attributes WHERE key = 'hobby'")
    asked(program, "jobs", "run", "profile_maintenance")
    assert "chess" not in program.run("profiles", "versions", "user/ada", "--json").out
    assert "[deleted]" in program.run("profiles", "diff", "user/ada").out
    refused = program.run("profiles", "rollback", "user/ada", "1")
    assert (refused.code, "rests on deleted attributes 2" in refused.err) == (2, True)


def test_a_pinned_attribute_is_marked_and_can_be_unpinned(program: Program) -> None:
    with_ada(program)
    assert program.run("profiles", "pin", "user/ada", "2").out == "pinned [2] of user/ada\n"
    assert ", pinned)" in program.run("profiles", "show", "user/ada").out
    assert program.run("profiles", "pin", "user/ada", "2").code == 2
    assert program.run("profiles", "pin", "user/ada", "99").code == 2
    assert program.run("profiles", "unpin", "user/ada", "2", "--json").objects == [
        {"entity": "user/ada", "attribute_id": 2, "pinned": False}
    ]


def test_profiles_are_listed_narrowed_and_traced_to_their_sources(program: Program) -> None:
    with_ada(program)
    asked(program, "jobs", "run", "profile_maintenance")
    [found] = program.run("profiles", "list", "type:user", "unchanged", "--json").objects
    assert (found["entity"], found["state"], found["version"]) == ("user/ada", "unchanged", 1)
    assert "unchanged  user/ada" in program.run("profiles", "list").out
    assert program.run("profiles", "list", "state:suspicious", "--json").objects == []
    assert program.run("profiles", "list", "state:odd").code == 2
    first = program.run("profiles", "sources", "user/ada", "1", "--json").objects
    assert all(each["sources"] for each in first)
    assert not first[0]["sources"][0]["deleted"]
    program.run("db", "psql", "--", "-c", "DELETE FROM entity_profile_attributes WHERE key = 'hobby'")
    assert "was deleted since" in program.run("profiles", "sources", "user/ada").out


def test_refused_drafts_are_listed_with_their_reasons(program: Program) -> None:
    with_ada(program)
    program.run(
        *("db", "psql", "--", "-c"),
        "INSERT INTO entity_profile_drafts (profile_id, category, draft, failures, attribute_ids)"
        " SELECT id, 'fact', 'Ada flies.', '[\"sentence 1 is odd\"]', '{1,2}' FROM entity_profiles",
    )
    told = program.run("profiles", "drafts", "user/ada").out
    assert "  ✗ sentence 1 is odd\n  Ada flies.  [1][2]\n" in told
    [draft] = program.run("profiles", "drafts", "user/ada", "--json").objects
    assert draft["text"] == "Ada flies."
    assert program.run("profiles", "drafts", "user/nobody").code == 2
    assert "has no summary yet" in program.run("profiles", "sources", "user/nobody").err


def test_a_rollback_may_say_which_version_it_expects_to_be_the_latest(program: Program) -> None:
    with_ada(program)
    asked(program, "jobs", "run", "profile_maintenance")
    program.run("profiles", "import", "-", stdin=line(key="pet", value="a cat"))
    asked(program, "jobs", "run", "profile_maintenance")
    refused = program.run("profiles", "rollback", "user/ada", "1", "--newest", "1")
    assert (refused.code, "is at version 2 by now, not at 1" in refused.err) == (2, True)
    assert program.run("profiles", "rollback", "user/ada", "1", "--newest", "2").code == 0
