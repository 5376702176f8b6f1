"""What a person types about a schedule, and what it means."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bawt_console.formatting import interval
from scheduler_core.domain import Job
from scheduler_core.errors import ConfigError
from scheduler_core.job_settings import JobSettings
from scheduler_core.jobs import schedule_edit
from scheduler_core.jobs.schedule_edit import LONGEST_INTERVAL_MINUTES, minutes_of, preview

NOW = datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
SEEN = JobSettings(interval_minutes=60, cron=None, time_zone="UTC", config_json="{}")
JOB = Job(
    id=UUID(int=5),
    job_type="memory_decay",
    bot_id="nova",
    enabled=True,
    interval_minutes=60,
    last_run_at=None,
    next_run_at=NOW + timedelta(minutes=46),
    config_json="{}",
    claim_seq=0,
    created_at=NOW,
)


edited = partial(schedule_edit.edited, job_type="memory_decay")


@given(st.integers(1, LONGEST_INTERVAL_MINUTES))
def test_an_interval_reads_back_as_it_is_shown(minutes: int) -> None:
    assert minutes_of(interval(minutes)) == minutes


@pytest.mark.parametrize(
    ("typed", "minutes"), [("90", 90), ("1h30m", 90), ("2 d", 2880), (" 1 week ", 10_080), ("5 MIN", 5)]
)
def test_intervals_are_typed_as_people_do(typed: str, minutes: int) -> None:
    assert minutes_of(typed) == minutes


@pytest.mark.parametrize(
    "typed", ["", "0", "soon", "-5", "1 h 30", "5 20", "30 s", "11 y", "6000000", "1.5 h"]
)
def test_what_is_no_interval_is_refused_in_one_sentence(typed: str) -> None:
    with pytest.raises(ConfigError):
        minutes_of(typed)


@given(st.text(max_size=30))
def test_any_text_is_an_interval_or_refused(typed: str) -> None:
    try:
        minutes = minutes_of(typed)
    except ConfigError:
        return
    assert 1 <= minutes <= LONGEST_INTERVAL_MINUTES


def test_an_interval_ends_a_cron_expression_and_the_other_way_round() -> None:
    nightly = edited(SEEN, cron=" 30  3 * * 1-5", time_zone="Europe/Berlin")
    assert nightly == replace(SEEN, cron="30 3 * * 1-5", time_zone="Europe/Berlin")
    assert edited(nightly, every="2 h") == replace(nightly, cron=None, interval_minutes=120)


@pytest.mark.parametrize(
    "typed",
    [
        {"cron": "30 25 * * *"},
        {"cron": "@daily", "time_zone": "Europe/Berln"},
        {"time_zone": "Mars/Base"},
        {"config": "[1]"},
        {"config": "{"},
        {"config": '{"max_attempts": 0}'},
        {"every": "1 h", "cron": "@daily"},
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(typed: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        edited(SEEN, **typed)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("job_type", "typed", "words"),
    [
        ("memory_decay", '{"timeout_seconds": 60, "zzz": 1}', "memory_decay has no setting 'zzz'. It has "),
        ("memory_decay", '{"timeout": 60}', "no setting 'timeout'. Did you mean timeout_seconds?"),
        ("memory_consolidation", '{"entity_type": "user"}', "no setting 'entity_type'. It has "),
        ("profile_maintenance", '{"entitytype": 1}', "no setting 'entitytype'. Did you mean entity_type?"),
        ("profile_maintenance", '{"entity_id": "ada"}', "entity_type and entity_id go together"),
    ],
)
def test_what_a_built_in_type_would_fail_on_is_refused_as_it_is_typed(
    job_type: str, typed: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        edited(SEEN, job_type=job_type, config=typed)
    assert words in str(caught.value)


def test_a_profile_job_may_be_narrowed_to_one_entity() -> None:
    typed = '{"entity_type": "user", "entity_id": "ada"}'
    assert edited(SEEN, job_type="profile_maintenance", config=typed).config_json == typed


def test_fields_of_a_hosts_own_type_are_left_to_it() -> None:
    typed = '{"max_share": 0.02}'
    assert edited(SEEN, job_type="tidy_inbox", config=typed).config_json == typed
    assert edited(SEEN, config="  ").config_json == "{}"


def test_the_preview_says_five_times_and_words() -> None:
    nightly = edited(SEEN, cron="30 3 * * 1-5", time_zone="Europe/Berlin")
    shown = preview(nightly, job=JOB, now=NOW, every_words="")
    assert shown.words == "at 03:30 on Monday through Friday, Europe/Berlin"
    assert shown.times[0] == datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
    assert len(shown.times) == 5


def test_a_longer_interval_keeps_the_next_slot_and_a_shorter_one_counts_from_now() -> None:
    longer = preview(edited(SEEN, every="1 d"), job=JOB, now=NOW, every_words="every 1 d")
    assert longer.words == "every 1 d"
    assert longer.times[:2] == (JOB.next_run_at, JOB.next_run_at + timedelta(days=1))
    shorter = preview(edited(SEEN, every="10 min"), job=JOB, now=NOW, every_words="")
    assert shorter.times[0] == NOW + timedelta(minutes=10)
