"""The filter grammar: what it means, and what it says about what it cannot read."""

import math
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bawt_console.filters import OF_MEMORIES, OF_PROFILES, OF_RUNS, FilterError, Grammar, parse_filter
from scheduler_core.domain import EntityType, MemoryFilter, RunStatus, Trigger
from tests.console.believable import NOW, a_job, a_run, an_overview, believable_world, ids
from tests.console.fakes import answers

WORLD = believable_world()
JOB = a_job(next(ids(3)), "profile_maintenance", "nova")
RUN = a_run(JOB.id, JOB)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("state:ok", True),
        ("state:success", True),
        ("ok", True),
        ("state:failed", False),
        ("state:failed,ok", True),
        ("state:failed state:ok", True),
        ("!state:ok", False),
        ("!state:failed", True),
        ("job:profile*", True),
        ("job:PROFILE*", True),
        ("job:profile", False),
        ("job:memory*,profile*", True),
        ("bot:nova", True),
        ("!bot:nova", False),
        ("bot:?ova", False),
        ("dur>30s", True),
        ("dur>1min", False),
        ("dur<1min", True),
        ("dur>30s dur<40s", False),
        ("since:2d", True),
        ("since:10min", False),
        ("trigger:schedule", True),
        ("!trigger:manual", True),
        ('"profile_main"', True),
        ("nothing-like-it", False),
        ('state:ok job:profile* bot:nova dur>30s since:2d !trigger:manual "nova"', True),
    ],
)
def test_a_filter_means_what_it_says(text: str, holds: bool) -> None:
    assert parse_filter(text).matches_run(RUN, NOW) is holds


def test_suspicious_runs_are_found_as_such_and_as_ok() -> None:
    odd = replace(RUN, suspicious=("61 % shorter",))
    assert parse_filter("state:suspicious").matches_run(odd, NOW)
    assert parse_filter("state:ok").matches_run(odd, NOW)
    assert not parse_filter("state:suspicious").matches_run(RUN, NOW)


def test_free_text_looks_into_errors_and_reasons() -> None:
    assert parse_filter('"was LOST"').matches_run(replace(RUN, error_message="The node was lost."), NOW)
    assert parse_filter("unchanged").matches_run(replace(RUN, reason="unchanged"), NOW)


def test_jobs_are_filtered_by_their_own_state() -> None:
    late = an_overview(replace(JOB, next_run_at=NOW - timedelta(minutes=1)), [RUN])
    paused = an_overview(replace(JOB, enabled=False, paused_reason="check first"), [RUN])
    assert parse_filter("late").matches_job(late, NOW)
    assert not parse_filter("late").matches_job(paused, NOW)
    assert parse_filter("state:paused check").matches_job(paused, NOW)
    assert parse_filter("dur>30s").matches_job(late, NOW)
    assert not parse_filter("dur>30s").matches_job(an_overview(JOB, []), NOW)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("state:broken", "broken"),
        ("colour:red", "colour"),
        ("dur:30s", "dur:"),
        ("dur>30", "30"),
        ("dur>fast", "fast"),
        ("since:yesterday", "yesterday"),
        ("since>2d", "since>"),
        ("since:999999999w", "999999999w"),
        ("trigger:moon", "moon"),
        ("bot:", "bot:"),
        ("!", "!"),
        ('"open', "quotation"),
    ],
)
def test_what_cannot_be_read_is_named_in_a_sentence_with_a_way_out(text: str, named: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert named in caught.value.title
    assert caught.value.title.endswith(".")
    assert caught.value.hint


@given(st.text(alphabet=' !:<>="*,stajobdurince0129smh\\[]?', max_size=40))
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    try:
        wanted = parse_filter(text)
    except FilterError:
        return
    for run in WORLD.runs[:5]:
        wanted.matches_run(run, NOW)
    for overview in WORLD.jobs:
        wanted.matches_job(overview, NOW)


_WORDS = st.sampled_from(
    [
        "state:ok",
        "state:failed",
        "state:suspicious",
        "!state:skipped",
        "job:memory*",
        "bot:nova",
        "bot:nova,mira",
        "dur>10s",
        "dur<10s",
        "since:12h",
        "trigger:manual",
        "!trigger:manual",
        "late",
        "lost",
    ]
)


@given(st.lists(_WORDS, max_size=4))
def test_what_the_database_is_asked_for_is_never_less_than_what_is_wanted(words: list[str]) -> None:
    wanted = parse_filter(" ".join(words))
    asked = wanted.run_filter(NOW)
    for run in WORLD.runs:
        if wanted.matches_run(run, NOW):
            assert answers(run, asked), f"{words} would miss {run}"


def test_the_database_does_what_it_can() -> None:
    asked = parse_filter("state:failed job:memory* bot:nova dur>30s since:2d trigger:manual").run_filter(NOW)
    assert asked.statuses == {RunStatus.FAILED}
    assert (asked.job_type, asked.bot_id) == ("memory*", "nova")
    assert asked.trigger is Trigger.MANUAL
    assert asked.min_duration_ms == 30_000
    assert asked.since == NOW - timedelta(days=2)


def test_a_filter_of_profiles_asks_the_database_for_all_of_it() -> None:
    wanted = parse_filter('type:user !state:unchanged,held "ad a"', OF_PROFILES).profile_filter()
    assert wanted.type is EntityType.USER
    assert wanted.states == {"new", "changed", "suspicious"}
    assert wanted.words == ("ad a",)


def test_a_filter_of_memories_asks_the_database_for_all_of_it() -> None:
    text = "bot:no* tag:health score<0.1 importance>.7 importance>=0.2 tea"
    wanted = parse_filter(text, OF_MEMORIES).memory_filter()
    assert wanted == MemoryFilter(
        bot="no*", tag="health", words=("tea",), scores=(-math.inf, 0.1), importances=(0.7, math.inf)
    )


@pytest.mark.parametrize(
    ("text", "grammar", "words"),
    [
        ("job:x", OF_PROFILES, "no field “job”"),
        ("tag:x", OF_RUNS, "no field “tag”"),
        ("state:ok", OF_PROFILES, "no state “ok”"),
        ("type:cat", OF_PROFILES, "no type “cat”"),
        ("score:0.1", OF_MEMORIES, "does not go together"),
        ("score<low", OF_MEMORIES, "not a number"),
        ("!tea", OF_MEMORIES, "cannot turn"),
        ("!bot:nova", OF_MEMORIES, "cannot turn"),
    ],
)
def test_a_list_says_what_its_filter_cannot_read(text: str, grammar: Grammar, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_filter(text, grammar)


def test_who_asks_memories_for_a_state_is_told_where_those_are() -> None:
    with pytest.raises(FilterError, match="no field “state”") as refused:
        parse_filter("state:merged", OF_MEMORIES)
    assert "merged and archived are lists of their own" in refused.value.hint


def test_late_means_that_the_start_came_clearly_after_the_slot() -> None:
    job = a_job(UUID(int=1))
    on_time = a_run(UUID(int=2), job)
    late = replace(on_time, scheduled_for=on_time.scheduled_for - timedelta(seconds=30))
    waiting = replace(late, status=RunStatus.PENDING, started_at=None)
    asked_for = replace(late, trigger=Trigger.MANUAL)
    wanted = parse_filter("late")
    assert [wanted.matches_run(run, NOW) for run in (on_time, late, waiting, asked_for)] == [
        False,
        True,
        True,
        False,
    ]
    both = parse_filter("state:late,failed")
    assert both.run_filter(NOW).statuses == frozenset(), "the database must not leave out late successes"
    assert both.matches_run(late, NOW)


def test_a_node_is_named_by_its_name_or_the_beginning_of_its_id() -> None:
    run = a_run(UUID(int=2), a_job(UUID(int=1)))
    assert run.node_id is not None
    nodes = {run.node_id: "attic"}
    assert parse_filter("node:att*").matches_run(run, NOW, nodes)
    assert parse_filter(f"node:{str(run.node_id)[:6]}").matches_run(run, NOW)
    assert not parse_filter("node:cellar").matches_run(run, NOW, nodes)
    assert parse_filter("!node:cellar").matches_run(run, NOW, nodes)
