"""The panes of a run as lines (fields, result, error, log), and a job's settings."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from bawt_console.formatting import (
    NOTHING,
    Phrase,
    Tone,
    ago,
    clean,
    countdown,
    full_time,
    interval,
    local_time,
    phrase,
    run_mode,
    run_state,
)
from bawt_console.widgets.lines import Line
from bawt_console.widgets.run_table import run_length
from scheduler_core.domain import (
    EventLevel,
    Job,
    JobOverview,
    Node,
    Run,
    RunEvent,
    RunMode,
    RunStatus,
    short_run_id,
)
from scheduler_core.errors import ConfigError

LABEL_WIDTH = 14
LONGEST_JSON = 200_000
_LEVELS = {
    EventLevel.DEBUG: ("debug", Tone.FAINT),
    EventLevel.INFO: ("info", Tone.MUTED),
    EventLevel.WARNING: ("warn", Tone.SUSPICIOUS),
    EventLevel.ERROR: ("error", Tone.FAILED),
}
_JSON_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(:\s)')


def field(label: str, body: Phrase | str) -> Line:
    """A labelled line."""
    text = phrase(body) if isinstance(body, str) else body
    return Line(phrase(label.ljust(LABEL_WIDTH), Tone.MUTED), text)


def sentence(text: str, tone: Tone = Tone.MUTED) -> Line:
    return Line(body=phrase(text, tone))


def run_fields(run: Run, nodes: Sequence[Node], now: datetime, zone: tzinfo | None) -> list[Line]:
    """Every field worth reading, empty ones left out."""
    names = {node.id: node.name for node in nodes}
    lines = [
        field("state", run_state(run).phrase),
        field("job", phrase(run.job_type, Tone.STRONG) + phrase(f"  {run.bot_id}")),
        field("took", run_length(run, now)),
    ]
    if run.mode is not RunMode.RUN:
        source = "" if run.source_run_id is None else f" of run {short_run_id(run.source_run_id)}"
        lines.append(field("kind", phrase(run_mode(run), Tone.ACCENT) + phrase(source, Tone.MUTED)))
    if run.suspicious:
        lines.append(field("suspicious", phrase("; ".join(run.suspicious), Tone.SUSPICIOUS)))
    if run.reason:
        lines.append(field("reason", run.reason))
    if run.error_message:
        lines.append(field("error", phrase(run.error_message, Tone.FAILED)))
    if run.progress and not run.status.is_final:
        lines.append(field("progress", phrase(run.progress, Tone.RUNNING)))
    lines.append(Line())
    times = (("slot", run.scheduled_for), ("started", run.started_at), ("finished", run.finished_at))
    for label, at in times:
        if at is not None:
            distance = ago(at, now) if at <= now else countdown(at, now)
            lines.append(field(label, phrase(full_time(at, zone)) + phrase(f"  {distance}", Tone.MUTED)))
    if run.status is RunStatus.PENDING and run.available_at > now:
        lines.append(field("not before", full_time(run.available_at, zone)))
    lines.append(field("trigger", str(run.trigger)))
    lines.append(field("attempt", str(run.attempt)))
    if run.coalesced:
        earlier = f"{run.coalesced_bound}{run.coalesced:,} earlier ones"
        lines.append(field("missed slots", f"{earlier} are covered by this run"))
    if run.node_id is not None:
        lines.append(field("node", names.get(run.node_id) or str(run.node_id)))
    if run.cancel_requested_at is not None:
        who = f" by {run.cancel_requested_by}" if run.cancel_requested_by else ""
        lines.append(field("cancelled", f"{full_time(run.cancel_requested_at, zone)}{who}"))
    lines.append(field("run", phrase(str(run.id), Tone.MUTED)))
    if run.job_id is not None:
        lines.append(field("job id", phrase(str(run.job_id), Tone.MUTED)))
    return lines


def json_lines(text: str | None, *, empty: str) -> list[Line]:
    """JSON, indented, its keys set apart; text that is no JSON is shown as it is, and said to be none."""
    if text is None:
        return [sentence(empty)]
    if len(text) > LONGEST_JSON:
        return [sentence(f"{len(text):,} characters; the beginning is shown."), *_raw(text[:LONGEST_JSON])]
    try:
        value = json.loads(text)
        pretty = json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return [sentence("This is not valid JSON:", Tone.SUSPICIOUS), *_raw(text)]
    return [_json_line(line) for line in pretty.split("\n")]


def _json_line(line: str) -> Line:
    match = _JSON_KEY.match(line)
    if match is None:
        indent = len(line) - len(line.lstrip())
        return Line(phrase(line[:indent]), phrase(line[indent:]))
    indent_text, key, colon = match.groups()
    value = line[match.end() :]
    return Line(phrase(indent_text), phrase(key + colon, Tone.ACCENT) + phrase(value))


def _raw(text: str) -> list[Line]:
    return [Line(body=phrase(line)) for line in clean(text).split("\n")]


def error_lines(run: Run) -> list[Line]:
    if not run.error_message:
        return [sentence("This run has no error.")]
    return [Line(body=phrase(line, Tone.FAILED)) for line in clean(run.error_message).split("\n")]


def event_line(event: RunEvent, now: datetime, zone: tzinfo | None) -> Line:
    """Time, level, message."""
    word, tone = _LEVELS[event.level]
    head = phrase(f"{local_time(event.at, now, zone)}  ", Tone.FAINT) + phrase(f"{word:<5}  ", tone)
    loud = event.level in (EventLevel.WARNING, EventLevel.ERROR)
    return Line(head, phrase(event.message, tone if loud else Tone.PLAIN))


def level_word(level: EventLevel) -> str:
    """A level as logs write it."""
    return _LEVELS[level][0]


def job_fields(overview: JobOverview, now: datetime, zone: tzinfo | None) -> list[Line]:
    """A job's settings, and its configuration as JSON."""
    job = overview.job
    lines = [
        field("job", phrase(job.job_type, Tone.STRONG) + phrase(f"  {job.bot_id}")),
        *_schedule(job),
        field("next run", full_time(job.next_run_at, zone) if job.enabled else "none while paused"),
        field("last run", full_time(job.last_run_at, zone)),
    ]
    if not job.enabled:
        why = f": {job.paused_reason}" if job.paused_reason else ", no reason given"
        who = f"by {job.paused_by or 'somebody'}, {full_time(job.paused_at, zone)}{why}"
        lines.append(field("paused", phrase(who, Tone.PAUSED)))
    lines += [
        field("created", full_time(job.created_at, zone)),
        field("slots so far", f"{job.claim_seq:,}"),
        field("id", phrase(str(job.id), Tone.MUTED)),
        Line(),
    ]
    if job.config_json.strip() in ("", "{}"):
        return [*lines, field("config_json", phrase("{}  nothing set", Tone.MUTED))]
    return [*lines, field("config_json", NOTHING), *json_lines(job.config_json, empty="")]


def _schedule(job: Job) -> list[Line]:
    """When it runs, in words; a cron expression with the time zone that it is read in."""
    if job.cron is None:
        return [field("every", interval(job.interval_minutes))]
    # Loaded when it is first wanted: most schedules are intervals.
    from bawt_console.work import cron_words

    try:
        words = cron_words(job.cron, job.time_zone)
    except ConfigError as error:
        return [field("cron", job.cron), field("", phrase(error.title, Tone.FAILED))]
    return [field("cron", job.cron), field("", phrase(words, Tone.MUTED)), field("time zone", job.time_zone)]


def log_note(run: Run | None) -> Line:
    """What to say where there is no log line."""
    if run is None:
        return sentence("This job has not run yet. R runs it now.")
    if run.status is RunStatus.PENDING:
        return sentence("The run waits for a scheduler; its log starts with it.")
    if run.status is RunStatus.SKIPPED and run.reason:
        return sentence(f"Skipped: {run.reason}")
    return sentence("The run wrote no log line.")
