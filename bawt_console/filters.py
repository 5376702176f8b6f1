"""What a person types behind `/`: `state:failed job:profile* dur>30s since:2d !trigger:manual "free text"`.

Words of one field are alternatives, different fields must all hold, `!` turns a word around. What the
database can decide goes into a `RunFilter`; the rest is decided here, on the rows that came.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from uuid import UUID

from bawt_console.formatting import State, job_state, run_state
from scheduler_core.domain import JobOverview, Run, RunFilter, RunStatus, Trigger
from scheduler_core.errors import SchedulerError

HELP = 'state:failed  job:profile*  bot:nova  dur>30s  since:2d  trigger:manual  !negation  "free text"'


class FilterError(SchedulerError):
    """A filter cannot be read."""

    exit_code = 2


class Field(StrEnum):
    STATE = "state"
    JOB = "job"
    BOT = "bot"
    DUR = "dur"
    SINCE = "since"
    TRIGGER = "trigger"
    TEXT = "text"


_STATES = {state.word: state for state in State} | {"success": State.OK, "waiting": State.PENDING}
_STATUS_OF_STATE = {
    State.RUNNING: RunStatus.RUNNING,
    State.PENDING: RunStatus.PENDING,
    State.OK: RunStatus.SUCCESS,
    State.SUSPICIOUS: RunStatus.SUCCESS,
    State.FAILED: RunStatus.FAILED,
    State.SKIPPED: RunStatus.SKIPPED,
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WORD = re.compile(r'\s*(!?)(?:(\w+)(:|>=|<=|>|<))?(?:"([^"]*)("?)|(\S*))')
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|min|m|h|d|w)")


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a filter. `number` is seconds for `dur` and `since`; `over` tells `>` from `<`."""

    field: Field
    value: str
    negated: bool = False
    number: float = 0.0
    over: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was read; the empty one lets everything through."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def run_filter(self, now: datetime, *, job_id: UUID | None = None) -> RunFilter:
        """What of it the database can decide; never narrower than the whole."""
        since = [term.number for term in self._plain(Field.SINCE)]
        longer = [term.number for term in self._plain(Field.DUR) if term.over]
        triggers = self._plain(Field.TRIGGER)
        return RunFilter(
            statuses=frozenset(_STATUS_OF_STATE[_STATES[term.value]] for term in self._plain(Field.STATE)
                               if _STATES[term.value] in _STATUS_OF_STATE),
            job_id=job_id,
            job_type=self._only(Field.JOB),
            bot_id=self._only(Field.BOT),
            trigger=Trigger(triggers[0].value) if len(triggers) == 1 else None,
            since=now - timedelta(seconds=max(since)) if since else None,
            min_duration_ms=int(min(longer) * 1000) if longer else None,
        )  # fmt: skip

    def matches_run(self, run: Run, now: datetime) -> bool:
        return self._matches(lambda term: _run_matches(term, run, now))

    def matches_job(self, overview: JobOverview, now: datetime) -> bool:
        """`dur`, `since` and `trigger` look at the job's latest run."""
        return self._matches(lambda term: _job_matches(term, overview, now))

    def _plain(self, field: Field) -> list[Term]:
        return [term for term in self.terms if term.field is field and not term.negated]

    def _only(self, field: Field) -> str | None:
        # The database compares case-sensitively, and one pattern at a time.
        terms = self._plain(field)
        return terms[0].value if len(terms) == 1 and terms[0].value.islower() else None

    def _matches(self, holds: Callable[[Term], bool]) -> bool:
        for field in {term.field for term in self.terms}:
            terms = [term for term in self.terms if term.field is field]
            if any(term.negated and holds(term) for term in terms):
                return False
            wanted = [term for term in terms if not term.negated]
            every = field in (Field.TEXT, Field.DUR, Field.SINCE)
            if wanted and not (all if every else any)(holds(term) for term in wanted):
                return False
        return True


def parse_filter(text: str) -> Filter:
    """Reads what was typed.

    Raises:
        FilterError: with a sentence that names the word that cannot be read, and what would be.
    """
    terms: list[Term] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _WORD.match(text, at)
        assert match is not None
        at = max(match.end(), at + 1)
        bang, key, operator, quoted, closing, bare = match.groups()
        if quoted is not None and not closing:
            raise FilterError("A quotation mark is not closed.", 'Write "free text" with one on each side.')
        value = quoted if quoted is not None else bare
        terms.extend(_terms(key, operator, value, quoted is not None, bool(bang)))
    return Filter(text, tuple(terms))


def _terms(key: str | None, operator: str, value: str, quoted: bool, negated: bool) -> Sequence[Term]:
    if key is None:
        if not value:
            raise FilterError("There is nothing after “!”.", "Write for example !state:ok.")
        if not quoted and value.lower() in _STATES:
            return [Term(Field.STATE, value.lower(), negated)]
        return [Term(Field.TEXT, value, negated)]
    try:
        field = Field(key.lower())
    except ValueError:
        raise FilterError(f"There is no field “{key}”.", f"Known are: {HELP}") from None
    if not value:
        raise FilterError(f"There is nothing after “{key}{operator}”.", f"Write for example: {HELP}")
    if (field is Field.DUR) != (operator != ":"):
        hint = "Write dur>30s or dur<2min." if field is Field.DUR else f"Write {field}:… with a colon."
        raise FilterError(f"“{key}{operator}” does not go together.", hint)
    if field in (Field.DUR, Field.SINCE):
        return [Term(field, value, negated, _seconds(field, value), operator.startswith((">", ":")))]
    return [_word_term(field, part, negated) for part in ([value] if quoted else value.split(",")) if part]


def _word_term(field: Field, value: str, negated: bool) -> Term:
    if field is Field.STATE:
        value = value.lower()
        if value not in _STATES:
            raise FilterError(f"There is no state “{value}”.", f"States are {', '.join(sorted(_STATES))}.")
    if field is Field.TRIGGER:
        value = value.lower()
        if value not in set(Trigger):
            raise FilterError(f"There is no trigger “{value}”.", f"Triggers are {', '.join(Trigger)}.")
    return Term(field, value, negated)


def _seconds(field: Field, value: str) -> float:
    match = _AMOUNT.fullmatch(value.lower())
    if match is None:
        raise FilterError(
            f"“{value}” is not a length of time.", "Use a number and ms, s, min, h, d or w: 30s, 2d."
        )
    seconds = float(match[1]) * _SECONDS[match[2]]
    if field is Field.SINCE and seconds > 100 * 365 * 86_400:
        raise FilterError(f"“{value}” is too long ago.", "A hundred years are the limit.")
    return seconds


def _like(value: str, pattern: str) -> bool:
    # Only * is special in our patterns; fnmatch would read ? and [ ] as well.
    escaped = re.sub(r"([?\[])", r"[\1]", pattern.lower())
    return fnmatchcase(value.lower(), escaped)


def _run_matches(term: Term, run: Run, now: datetime) -> bool:
    match term.field:
        case Field.STATE:
            wanted = _STATES[term.value]
            state = run_state(run)
            return state is wanted or (wanted is State.OK and state is State.SUSPICIOUS)
        case Field.JOB:
            return _like(run.job_type, term.value)
        case Field.BOT:
            return _like(run.bot_id, term.value)
        case Field.TRIGGER:
            return run.trigger == term.value
        case Field.SINCE:
            return run.started_at is None or run.started_at >= now - timedelta(seconds=term.number)
        case Field.DUR:
            if run.duration_ms is None:
                return False
            seconds = run.duration_ms / 1000
            return seconds >= term.number if term.over else seconds <= term.number
        case Field.TEXT:
            texts = (str(run.id), run.job_type, run.bot_id, run.error_message, run.reason, run.progress)
            return any(term.value.lower() in (text or "").lower() for text in (*texts, *run.suspicious))


def _job_matches(term: Term, overview: JobOverview, now: datetime) -> bool:
    job = overview.job
    latest = overview.current or overview.last
    match term.field:
        case Field.STATE:
            return job_state(overview, now) is _STATES[term.value]
        case Field.JOB:
            return _like(job.job_type, term.value)
        case Field.BOT:
            return _like(job.bot_id, term.value)
        case Field.TEXT:
            own = (str(job.id), job.job_type, job.bot_id, job.paused_by, job.paused_reason, job.config_json)
            if any(term.value.lower() in (text or "").lower() for text in own):
                return True
    return latest is not None and _run_matches(term, latest, now)
