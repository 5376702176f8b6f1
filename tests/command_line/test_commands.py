"""The contract that scripts rely on: columns, one object a line, exit codes, clean streams."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.command_line.program import Program, line

JOB_COLUMNS = {
    "id",
    "job_type",
    "bot_id",
    "enabled",
    "interval_minutes",
    "last_run_at",
    "next_run_at",
    "config_json",
}
RUN_COLUMNS = {
    "id",
    "job_id",
    "job_type",
    "bot_id",
    "status",
    "started_at",
    "finished_at",
    "duration_ms",
    "result_json",
    "error_message",
}
ESCAPE = "\x1b]52;c;aGFja2Vk\x07\x1b[2J[/red]"


def test_jobs_are_listed_as_objects_with_their_columns(program: Program) -> None:
    listed = program.run("jobs", "list", "--json")
    assert (listed.code, listed.err) == (0, "")
    assert [job["job_type"] for job in listed.objects] == [
        "profile_maintenance",
        "memory_consolidation",
        "memory_decay",
    ]
    assert all(set(job) >= JOB_COLUMNS for job in listed.objects)


@pytest.mark.parametrize("arguments", [("--json", "jobs", "list"), ("jobs", "list", "--json")])
def test_shared_options_work_before_and_after_the_command(
    program: Program, arguments: tuple[str, ...]
) -> None:
    without_url = Program(home=program.home, data_dir=program.data_dir)
    listed = without_url.run("--database-url", str(program.url), *arguments)
    assert len(listed.objects) == 3


def test_due_runs_are_run_once_and_printed_a_line_each(program: Program) -> None:
    program.run("profiles", "import", "-", stdin=line() + line(key="name", value="Ada"))
    once = program.run("--no-ui", "--once", "--json")
    assert once.code == 0
    by_type = {run["job_type"]: run for run in once.objects}
    assert all(set(run) >= RUN_COLUMNS for run in once.objects)
    assert by_type["profile_maintenance"]["status"] == "success"
    assert by_type["memory_decay"]["reason"] == "no bots known"
    again = program.run("--no-ui", "--once", "--json")
    assert (again.code, again.out) == (0, "")


def test_a_failed_run_makes_the_exit_code_one(program: Program) -> None:
    program.run("jobs", "list")
    program.run("db", "psql", "--", "-c", "UPDATE scheduled_jobs SET config_json = 'oops'")
    once = program.run("--no-ui", "--once")
    assert once.code == 1
    assert "config_json is not valid JSON" in once.out


def test_a_forced_run_waits_for_the_next_scheduler_and_says_so(program: Program) -> None:
    forced = program.run("jobs", "run", "profile_maintenance", "--json")
    assert [run["status"] for run in forced.objects] == ["pending"]
    assert "No scheduler is running" in forced.err
    again = program.run("jobs", "run", "profile_maintenance")
    assert (again.code, "already waits" in again.err) == (2, True)


def test_a_job_is_paused_with_a_reason_and_resumed(program: Program) -> None:
    paused = program.run("jobs", "pause", "memory_decay:*", "--reason", "check first", "--json")
    assert (paused.objects[0]["enabled"], paused.objects[0]["paused_reason"]) == (False, "check first")
    assert program.run("jobs", "pause", "memory_decay").code == 2
    assert program.run("jobs", "resume", "memory_decay", "--json").objects[0]["enabled"] is True


def test_runs_are_listed_and_shown(program: Program) -> None:
    program.run("--no-ui", "--once")
    runs = program.run("runs", "list", "--json").objects
    assert len(runs) == 3
    assert (
        program.run("runs", "list", "--json", "--job", "memory*", "--limit", "1").objects[0]["status"]
        == "skipped"
    )
    _, *listed = program.run("runs", "list").out.splitlines()
    for run, row in zip(runs, listed, strict=True):
        [shown] = program.run("runs", "show", row.split()[0], "--json").objects
        assert (shown["id"], shown["events"]) == (run["id"], [])
        assert run["job_type"] in row
    # Runs of one minute begin alike.
    several = program.run("runs", "show", runs[0]["id"][:4])
    assert several.code == 2
    assert all(f"{run['id']} ({run['job_type']}:{run['bot_id']})" in several.err for run in runs)


def test_profiles_are_shown_with_summary_and_attributes(program: Program) -> None:
    program.run("profiles", "import", "-", stdin=line() + line(key="name", value="Ada", source="explicit"))
    before = program.run("profiles", "show", "user/ada", "--json").objects[0]
    assert (before["summary"], before["display_name"]) == (None, None)
    program.run("--no-ui", "--once")
    after = program.run("profiles", "show", "user/ADA", "--json").objects[0]
    assert set(after) == {
        "entity_type",
        "entity_id",
        "display_name",
        "summary",
        "summary_updated_at",
        "attributes",
    }
    assert "Dresden" in after["summary"]
    assert after["display_name"] == "Ada"
    assert {attribute["key"] for attribute in after["attributes"]} == {"location", "name"}


def test_importing_twice_changes_nothing_and_an_export_can_be_imported(program: Program) -> None:
    text = line() + line(key="hobby", value="Töpfern 🏺") + line(key="age", value=41, confidence=0.5)
    assert program.run("profiles", "import", "-", "--json", stdin=text).objects[0]["added"] == 3
    again = program.run("profiles", "import", "-", "--json", stdin=text)
    assert again.objects == [{"added": 0, "unchanged": 3, "rejected": 0}]
    exported = program.run("profiles", "export")
    assert len(exported.objects) == 3
    (program.home / "again.jsonl").write_text(exported.out, encoding="utf-8")
    assert program.run("profiles", "import", "again.jsonl", "--json").objects[0]["unchanged"] == 3


def test_bad_lines_are_named_and_the_good_ones_go_in(program: Program) -> None:
    text = (
        line()
        + "oops\n"
        + line(key="age", confidence=7)
        + line(key="secret", value="hunter2", source="gossip")
    )
    imported = program.run("profiles", "import", "-", stdin=text)
    assert (imported.code, imported.out) == (2, "1 added, 0 unchanged, 3 rejected\n")
    assert [note.split(":")[0] for note in imported.err.splitlines()] == ["line 2", "line 3", "line 4"]
    assert "hunter2" not in imported.err


def test_nothing_from_data_reaches_the_terminal_raw(program: Program) -> None:
    program.run("profiles", "import", "-", stdin=line(value=ESCAPE))
    program.run("jobs", "pause", "memory_decay", "--reason", ESCAPE)
    program.run("--no-ui", "--once")
    for arguments in (
        ("profiles", "show", "user/ada"),
        ("profiles", "show", "user/ada", "--json"),
        ("profiles", "export"),
        ("jobs", "list", "--json"),
        ("runs", "list"),
    ):
        shown = program.run(*arguments)
        assert shown.code == 0
        assert "\x1b" not in shown.out
        assert "\x07" not in shown.out


def test_psql_gets_what_follows_the_dashes_and_its_exit_code_comes_back(program: Program) -> None:
    program.run("jobs", "list")
    selected = program.run("db", "psql", "--", "-tAc", "SELECT count(*) FROM scheduled_jobs;")
    assert (selected.code, selected.out) == (0, "3\n")
    assert (
        program.run(
            "db", "psql", "--", "-c", "SELECT * FROM job_runs ORDER BY started_at DESC LIMIT 10;"
        ).code
        == 0
    )
    assert program.run("db", "psql", "--", "-c", "SELECT nonsense").code == 1


def test_the_url_keeps_its_password_to_itself_until_asked(program: Program) -> None:
    secret = "postgresql://ada:hunter2@localhost:1/llm_bawt"
    assert "hunter2" not in program.run("db", "url", "--database-url", secret).out
    assert "hunter2" in program.run("db", "url", "--show-password", "--database-url", secret).out


def test_models_are_listed_with_verdicts_and_the_lack_of_one_is_explained(program: Program) -> None:
    models = program.data_dir / "models"
    models.mkdir(parents=True)
    (models / "broken.gguf").write_bytes(b"<html>not found</html>")
    listed = program.run("models", "list", "--json")
    assert [(file["name"], file["chosen"]) for file in listed.objects] == [("broken", False)]
    assert "works without one" in listed.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nonsense",), 2, "There is no command 'nonsense'."),
        (("--once",), 2, "--once needs --no-ui"),
        (("--no-ui", "--attach"), 2, "cannot go with"),
        (("--attach", "jobs", "list"), 2, "without a sub-command"),
        (("jobs", "run", "gardening"), 2, "There is no job 'gardening'"),
        (("runs", "show", "zz"), 2, "There is no run 'zz'"),
        (("runs", "list", "--limit", "0"), 2, "--limit"),
        (("profiles", "show", "ada"), 2, "user/NAME or bot/NAME"),
        (("profiles", "show", "user/nobody"), 2, "Nothing is known of user/nobody"),
        (("profiles", "import", "missing.jsonl"), 2, "missing.jsonl cannot be read"),
        (("--database-url", "mysql://x", "jobs", "list"), 2, "postgresql://"),
        (("--database-url", "postgresql://127.0.0.1:1/x", "jobs", "list"), 3, "not reachable"),
        ((), 2, "needs a terminal"),
    ],
)
def test_mistakes_get_a_sentence_and_their_exit_code(
    program: Program, arguments: tuple[str, ...], code: int, words: str
) -> None:
    finished = program.run(*arguments)
    assert (finished.code, finished.out) == (code, "")
    assert words in " ".join(finished.err.split())
    assert "Traceback" not in finished.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("jbos", "There is no command 'jbos'. Did you mean jobs?"),
        ("jobs lst", "There is no command 'lst'. Did you mean list?"),
        ("xyzzy", "There is no command 'xyzzy'. See: bawt-console --help"),
        ("jobs list --stat late", "There is no option '--stat'. Did you mean --state?"),
        ("runs list --since 2d", "There is no option '--since'. See: bawt-console runs list --help"),
        (
            "runs list --status bogus",
            "--status takes pending, running, success, failed or skipped, not 'bogus'."
            " See: bawt-console runs list --help",
        ),
        (
            "jobs list --state runing",
            "--state takes running, paused, pending, late, new, ok, suspicious, failed or skipped,"
            " not 'runing'. Did you mean running?",
        ),
        (
            "memories show",
            "bawt-console memories show needs an ID. List them with: bawt-console memories list",
        ),
        ("why", "bawt-console why needs a JOB. List them with: bawt-console jobs list"),
        (
            "profiles pin user/ada",
            "bawt-console profiles pin needs an ATTRIBUTE_ID. See: bawt-console profiles pin --help",
        ),
        (
            "jobs list --limit many",
            "--limit takes a whole number from 1 to 100000, not 'many'. See: bawt-console jobs list --help",
        ),
        (
            "runs list --limit 0",
            "--limit takes a whole number from 1 to 10000, not '0'. See: bawt-console runs list --help",
        ),
        ("runs list a b", "Got unexpected extra arguments (a b). See: bawt-console runs list --help"),
        (
            "jobs list --database-url",
            "Option '--database-url' requires an argument. See: bawt-console --help",
        ),
        ("--once", "--once needs --no-ui. See: bawt-console --help"),
        ("jobs resume memory_decay", "The job is not paused. Nothing was changed."),
        ("runs show zz", "There is no run 'zz'. List them with: bawt-console runs list"),
        ("profiles show ada", "'ada' is not an entity. Write user/NAME or bot/NAME."),
    ],
)
def test_what_is_mistyped_gets_one_line_with_a_hint_and_no_id(
    program: Program, arguments: str, said: str
) -> None:
    finished = program.run(*arguments.split())
    assert (finished.code, finished.out, finished.err) == (2, "", f"error: {said}\n")


def test_a_mistyped_word_reaches_the_terminal_cleaned_and_cut(program: Program) -> None:
    finished = program.run("\x1b[31m" + "x" * 500)
    assert finished.code == 2
    assert "\x1b" not in finished.err
    assert len(finished.err) < 200


def test_a_group_without_a_command_shows_its_help(program: Program) -> None:
    finished = program.run("nodes")
    assert (finished.code, finished.out) == (2, "")
    assert finished.err.startswith("Usage: bawt-console nodes [OPTIONS] COMMAND [ARGS]...")


def test_an_error_that_a_log_may_tell_more_of_has_an_id(program: Program) -> None:
    finished = program.run("--database-url", "postgresql://127.0.0.1:1/x", "jobs", "list")
    assert re.search(r" \[[0-9a-f]{8}\]\n$", finished.err)


def test_a_wrong_setting_is_named_with_what_it_accepts(program: Program) -> None:
    finished = program.run("jobs", "list", environment={"LLM_BAWT_POSTGRES_PORT": "many"})
    assert finished.code == 2
    assert (
        "LLM_BAWT_POSTGRES_PORT was given 'many', but accepts a whole number from 1 to 65535" in finished.err
    )


def test_a_reader_that_leaves_early_is_no_error(program: Program) -> None:
    program.run(
        "profiles", "import", "-", stdin="".join(line(key=f"k{n}", value="x" * 200) for n in range(2000))
    )
    piped = subprocess.Popen(
        program.command("profiles", "export"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=program.environment,
        cwd=program.home,
    )
    assert piped.stdout is not None
    assert piped.stderr is not None
    assert json.loads(piped.stdout.readline())
    piped.stdout.close()
    assert piped.stderr.read() == b""
    assert piped.wait(timeout=30) == 0
    piped.stderr.close()


def test_a_misspelt_variable_is_pointed_out_by_every_command(program: Program) -> None:
    listed = program.run("jobs", "list", environment={"LLM_BAWT_MODEL_DIR": "x"})
    assert listed.code == 0
    assert "Did you mean LLM_BAWT_MODELS_DIR?" in listed.err


def test_output_that_cannot_be_written_is_a_sentence(program: Program) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            program.command("jobs", "list"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=program.environment,
            cwd=program.home,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: Reading or writing failed: No space left on device.")
    assert len(done.stderr.splitlines()) == 1


def test_a_process_that_may_not_run_jobs_refuses_to(program: Program) -> None:
    refused = program.run("--no-ui", "--once", environment={"LLM_BAWT_SCHEDULER_ENABLED": "false"})
    assert (refused.code, refused.out) == (2, "")
    assert "LLM_BAWT_SCHEDULER_ENABLED is false" in refused.err


def test_a_file_of_rubbish_is_reported_in_short(program: Program) -> None:
    imported = program.run("profiles", "import", "-", stdin="rubbish\n" * 500)
    assert (imported.code, imported.out) == (2, "0 added, 0 unchanged, 500 rejected\n")
    assert len(imported.err.splitlines()) == 52
