"""Every benchmark runs from its command line at a tiny size and says what it found."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.idle import logged_statements
from benchmarks.report import Report, Spread, Table

ROOT = Path(__file__).parents[1]
# They start servers and nodes for a figure nobody reads; the ordinary suite has better things to wait for.
pytestmark = pytest.mark.slow

RIVALS = ("PgQueuer", "Procrastinate", "APScheduler")


def found_by(benchmark: str, *arguments: str) -> dict[str, Any]:
    """The one object that a benchmark prints."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{benchmark}", "--json", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["benchmark"] == benchmark
    assert found["machine"]["cores"] >= 1
    assert found["versions"].get("fsync", "on") == "on"
    return found


def test_dispatch_times_our_nodes_beside_the_limit() -> None:
    found = found_by(
        "dispatch", "--no-rivals", "--jobs", "60", "--rounds", "1", "--capacity", "20", "--nodes", "2"
    )
    rates = {result["name"]: result["runs_per_second"] for result in found["results"]}
    assert list(rates) == ["limit", "limit, triggers off", "ours, 2 nodes"]
    assert all(rate["count"] == 1 and rate["p50"] > 0 for rate in rates.values())
    assert found["ratios"]["ours, 2 nodes / limit"] > 0


@pytest.mark.slow
def test_dispatch_times_every_rival_that_is_installed() -> None:
    rivals = {name for name in RIVALS if importlib.util.find_spec(name.lower()) is not None}
    if not rivals:
        pytest.skip("the other schedulers come with the extra benchmarks")
    found = found_by(
        "dispatch", "--jobs", "60", "--slow-jobs", "30", "--rounds", "1", "--capacity", "20", "--nodes", "1"
    )
    assert {result["name"] for result in found["results"]} >= rivals | {"limit", "ours, 1 node"}


def test_latency_times_both_ways_to_force_on_an_idle_and_on_a_loaded_node() -> None:
    found = found_by("latency", "--samples", "3", "--rate", "10")
    assert [result["way"] for result in found["results"]] == ["UPDATE in psql", "API", "key"] * 2
    for result in found["results"]:
        assert 0 < result["started_seconds"]["p50"] <= result["handler_seconds"]["p50"]
    assert [result["other_runs_per_second"] > 0 for result in found["results"]] == [False] * 3 + [True] * 3


def test_summary_times_the_call_of_a_chat_service_beside_the_bare_statement() -> None:
    found = found_by("summary", "--entities", "50", "--calls", "20")
    assert [result["way"] for result in found["results"]] == ["profiles.summary", "statement alone"]
    assert all(0 < result["seconds"]["p50"] <= result["seconds"]["p99"] for result in found["results"])
    assert found["ratios"]["p50 / 1 ms"] > 0


def test_lateness_measures_every_slot_on_every_size_of_history() -> None:
    found = found_by("lateness", "--jobs", "5", "--history", "0,1000", "--nodes", "1", "--seconds", "0.2")
    results = found["results"]
    assert [(result["jobs"], result["nodes"]) for result in results] == [(5, 1)] * 2
    assert [result["history"] for result in results] == [0, 1000]
    assert all(result["late_seconds"]["count"] == 5 for result in results)


@pytest.mark.slow
def test_idle_counts_what_a_node_does_when_nothing_is_due() -> None:
    found = found_by("idle", "--jobs", "20", "--seconds", "11", "--settle", "1")
    [result] = found["results"]
    assert any("scheduler_nodes" in statement for statement in result["statements"])
    assert result["memory_mib"]["node"] > 1
    assert 0 <= result["core_share"]["node"] < 1


def test_restart_finds_every_run_of_a_killed_and_of_a_stopped_node() -> None:
    found = found_by(
        "restart", "--lease", "2", "--runs", "2", "--rounds", "1", "--rate", "40", "--seconds", "1"
    )
    killed, stopped = found["results"]
    assert killed["run_taken_over_seconds"]["count"] == killed["run_closed_seconds"]["count"] == 2
    assert (stopped["slots"], stopped["success"], stopped["other"]) == (40, 40, 0)


def test_console_times_starts_keys_and_a_scheduler_behind_a_screen() -> None:
    found = found_by(
        *("console", "--rounds", "1", "--no-peers", "--jobs", "20", "--runs", "500", "--changes", "50"),
        *("--visits", "2", "--seconds", "14", "--slots", "10"),
        *("--lateness-seconds", "1", "--lateness-rounds", "1"),
    )
    named = {result["name"]: result for result in found["results"]}
    assert named["bawt-console"]["first_paint_seconds"]["p50"] <= named["bawt-console"]["live_seconds"]["p50"]
    assert named["key to picture"]["seconds"]["count"] > 0
    assert named["page of jobs"]["first_seconds"]["count"] == 2
    assert named["memory"]["mib"] > 0
    assert {
        name: named[name]["late_seconds"]["count"]
        for name in ("without a screen", "behind a hammered screen")
    } == {
        "without a screen": 10,
        "behind a hammered screen": 10,
    }


def test_a_quantile_is_one_of_the_values() -> None:
    spread = Spread((5.0, 1.0, 4.0, 2.0, 3.0))
    assert [spread.quantile(share) for share in (0.0, 0.2, 0.21, 0.5, 0.99, 1.0)] == [1, 1, 2, 3, 5, 5]
    assert spread.facts() == {"count": 5, "min": 1.0, "p50": 3.0, "p99": 5.0, "max": 5.0}


def test_a_table_lines_its_columns_up() -> None:
    table = Table("Title", ("", "rate"), [("ours", "1,000"), ("limit", "20")])
    assert table.lines() == ["Title", "        rate", "-----  -----", "ours   1,000", "limit     20"]


def test_a_report_is_one_object_for_machines_and_names_its_ratios_for_people() -> None:
    report = Report(
        benchmark="dispatch",
        machine={"cores": 2},
        versions={"python": "3.11"},
        options={"slow_jobs": 5},
        results=[{"name": "ours"}],
        tables=[],
        ratios={"ours / limit": 0.5},
    )
    assert json.loads(report.json())["ratios"] == {"ours / limit": 0.5}
    assert report.text() == "cores 2\n\npython 3.11\n\nslow jobs 5\n\nours / limit: 0.50"


def test_statements_in_the_log_are_counted_by_their_first_line_that_tells_something() -> None:
    text = "\n".join(
        [
            "2026-01-01 00:00:00.000 UTC [7] LOG:  statement: BEGIN;",
            "2026-01-01 00:00:00.001 UTC [7] LOG:  execute __asyncpg_stmt_1__: -- Why it is there.",
            "\tWITH due AS (",
            "\t    SELECT 1)",
            "2026-01-01 00:00:00.002 UTC [7] LOG:  execute __asyncpg_stmt_1__: -- Why it is there.",
            "\tWITH due AS (",
            "2026-01-01 00:00:00.003 UTC [8] LOG:  checkpoint starting: time",
        ]
    )
    assert logged_statements(text) == {"BEGIN;": 1, "WITH due AS (": 2}


def test_provider_times_our_process_beside_bare_gpt4all() -> None:
    found = found_by("provider", "--rounds", "1", "--words", "5")
    names = [result["name"] for result in found["results"]]
    assert names[:2] == ["bare gpt4all", "provider"]
    assert found["options"]["tokens"] > 5
    assert found["ratios"]["overhead in percent, median of pairs"] < 500


def test_decay_times_a_pass_its_dry_run_and_its_undo() -> None:
    found = found_by("maintenance.decay", "--memories", "2000", "--rounds", "1")
    names = [result["name"] for result in found["results"]]
    assert names == ["insert", "dry run", "pass", "undo", "nothing to do", "counts"]
    assert 0 < found["results"][-1]["archived"] <= 40


def test_consolidation_times_its_passes_beside_the_usual_way() -> None:
    found = found_by("maintenance.consolidation", "--memories", "500", "--changed", "10", "--beside", "200")
    passes, beside = found["results"]
    assert passes["first"]["memories"] == passes["first"]["changed"] == 500
    assert passes["first"]["archived"] > 0
    assert passes["unchanged"]["changed"] == passes["unchanged"]["pairs"] == 0
    assert beside["size"] == 200
    assert beside["usual_seconds"] > 0


def test_maintenance_runs_each_of_its_sections() -> None:
    found = found_by(
        "maintenance",
        *("--entities", "3", "--recorded", "2", "--sizes", "5", "--consolidated", "100", "--changed", "5"),
        *("--beside", "50", "--decayed", "1000", "--rounds", "1"),
    )
    assert found["options"]["sections"] == ["profiles", "consolidation", "decay"]
    assert found["ratios"]["pass / goal of 5 s"] > 0
    names = [result.get("name") for result in found["results"]]
    assert {"pipeline of 5 attributes", "unchanged pass", "pass", "counts"} <= set(names)


def test_the_quality_of_merges_is_told_by_who_judges() -> None:
    found = found_by("quality.memories", "--people", "3")
    *results, hand = found["results"]
    ways = {result["way"]: result for result in results}
    assert ways["no model"]["false"] == ways["perfect"]["false"] == 0
    assert ways["no model"]["recall"] < ways["perfect"]["recall"]
    assert hand["by_hand"]["different"]["same"] == 0


def test_the_quality_of_profiles_is_told_by_how_the_model_behaves() -> None:
    found = found_by("quality", "--entities", "3")
    assert all(result["unsupported"] == 0 for result in found["results"])


def test_workers_times_both_queues_and_a_takeover() -> None:
    found = found_by(
        "workers",
        *("--jobs", "60", "--naps", "10", "--rounds", "1", "--workers", "2", "--capacity", "20"),
        *("--kills", "1", "--held", "2", "--lease", "2"),
    )
    results = found["results"]
    timed = [result for result in results if result["what"] == "throughput"]
    assert [(one["queue"], one["job_type"]) for one in timed] == [
        ("in-process", "noop"),
        ("pgqueuer", "noop"),
        ("in-process", "nap"),
        ("pgqueuer", "nap"),
    ]
    assert all(one["runs_per_second"]["p50"] > 0 for one in timed)
    assert [one["queue"] for one in results if one["what"] == "takeover"] == ["in-process", "pgqueuer"]
    assert set(results[-1]["mib"]) == {"node", "scheduler", "worker"}


def test_telemetry_times_a_node_that_is_watched_beside_one_that_is_not() -> None:
    found = found_by("telemetry", "--jobs", "60", "--rounds", "1")
    assert [result["name"] for result in found["results"]] == ["unwatched", "with metrics"]
    assert found["ratios"]["with metrics / unwatched"] > 0
