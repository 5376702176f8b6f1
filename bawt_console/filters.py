"""What a person types behind `/`: `state:failed job:profile* dur>30s since:2d !trigger:manual "free text"`.

Words of one field are alternatives, different fields must all hold, `!` turns a word around. What the
database can decide goes into a `RunFilter`; the rest is decided here, on the rows that came.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType
from uuid import UUID

from bawt_console.formatting import State, job_state, run_state
from scheduler_core.domain import (
    LATE_AFTER_SECONDS,
    EntityType,
    JobFilter,
    JobOverview,
    MemoryFilter,
    ProfileFilter,
    Run,
    RunFilter,
    RunStatus,
    Trigger,
)
from scheduler_core.errors import SchedulerError
from scheduler_core.oversight import OperatorAction

HELP = (
    'state:failed  job:profile*  bot:nova  dur>30s  since:2d  late  !negation  "free text"'
    "  trigger:manual  node:attic"
)


Nodes = Mapping[UUID, str]
NO_NODES: Nodes = MappingProxyType({})


class FilterError(SchedulerError):
    """A filter cannot be read."""

    exit_code = 2
    has_more_in_log = False


class Field(StrEnum):
    STATE = "state"
    JOB = "job"
    BOT = "bot"
    NODE = "node"
    DUR = "dur"
    SINCE = "since"
    TRIGGER = "trigger"
    TEXT = "text"
    TYPE = "type"
    TAG = "tag"
    SCORE = "score"
    IMPORTANCE = "importance"
    WHO = "who"
    DID = "did"


_STATES = {state.word: state for state in State} | {"success": State.OK, "waiting": State.PENDING}
# These are compared with < and > and not with a colon.
_COMPARED = frozenset({Field.DUR, Field.SCORE, Field.IMPORTANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """The fields one list understands, and its words for states.

    Attributes:
        help: examples, two spaces apart.
        stateless: where to look instead, for who asks for states where there are none.
    """

    fields: frozenset[Field]
    states: Mapping[str, object]
    help: str
    stateless: str = ""


OF_RUNS = Grammar(
    fields=frozenset(
        {Field.STATE, Field.JOB, Field.BOT, Field.NODE, Field.DUR, Field.SINCE, Field.TRIGGER, Field.TEXT},
    ),
    states=_STATES,
    help=HELP,
)
OF_PROFILES = Grammar(
    fields=frozenset({Field.STATE, Field.TYPE, Field.TEXT}),
    states=dict.fromkeys(("new", "changed", "unchanged", "suspicious", "held")),
    help='state:suspicious  state:changed,new  type:user  "free text"',
)
OF_MEMORIES = Grammar(
    fields=frozenset({Field.BOT, Field.TAG, Field.SCORE, Field.IMPORTANCE, Field.TEXT}),
    states={},
    help='bot:nova  tag:health  score<0.1  importance>0.7  "free text"',
    stateless="Those in use, merged and archived are lists of their own; choose one of those.",
)
OF_ACTIONS = Grammar(
    fields=frozenset({Field.WHO, Field.DID, Field.JOB, Field.BOT, Field.SINCE, Field.TEXT}),
    states={},
    help='pause ada  since:2d  who:ada*  did:pause,resume  job:profile*  "free text"',
)
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
_FRACTION = re.compile(r"\d?\.?\d{1,9}")
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
        states = {_STATES[term.value] for term in self._plain(Field.STATE)}
        # What is late has any status.
        known = states <= _STATUS_OF_STATE.keys()
        return RunFilter(
            statuses=frozenset(_STATUS_OF_STATE[state] for state in states) if known else frozenset(),
            job_id=job_id,
            job_type=self._only(Field.JOB),
            bot_id=self._only(Field.BOT),
            trigger=Trigger(triggers[0].value) if len(triggers) == 1 else None,
            since=now - timedelta(seconds=max(since)) if since else None,
            min_duration_ms=int(min(longer) * 1000) if longer else None,
        )  # fmt: skip

    def job_filter(self) -> JobFilter:
        """What of it the database decides where there are more jobs than fit a list; never narrower than
        the whole. What is about a job's latest run is left to the rows that came."""
        bot = self._only(Field.BOT)
        return JobFilter(
            job_type=self._only(Field.JOB),
            # Of letters beyond ASCII a database may not know which are the same.
            bot_id=bot if bot is not None and bot.isascii() else None,
            states=frozenset(_STATES[term.value].word for term in self._plain(Field.STATE)),
            words=tuple(term.value for term in self._plain(Field.TEXT) if term.value.isascii()),
        )

    def matches_run(self, run: Run, now: datetime, nodes: Nodes = NO_NODES) -> bool:
        """
        Args:
            nodes: the names of nodes by their ids.
        """
        return self._matches(lambda term: _run_matches(term, run, now, nodes))

    def matches_job(self, overview: JobOverview, now: datetime, nodes: Nodes = NO_NODES) -> bool:
        """`dur`, `since`, `node` and `trigger` look at the job's latest run."""
        return self._matches(lambda term: _job_matches(term, overview, now, nodes))

    def matches_action(self, action: OperatorAction, now: datetime) -> bool:
        """Whether something that was done is meant."""
        return self._matches(lambda term: _action_matches(term, action, now))

    def profile_filter(self) -> ProfileFilter:
        """All of it, for the list of profiles."""
        types = self._plain(Field.TYPE)
        refused = {term.value for term in self.terms if term.field is Field.STATE and term.negated}
        states = {term.value for term in self._plain(Field.STATE)}
        if refused:
            states = (states or set(OF_PROFILES.states)) - refused or {"none"}
        return ProfileFilter(
            type=EntityType(types[0].value) if len({term.value for term in types}) == 1 else None,
            states=frozenset(states),
            words=tuple(term.value for term in self._plain(Field.TEXT)),
        )

    def memory_filter(self) -> MemoryFilter:
        """All of it, for the lists of memories; of several bots or tags the last one counts."""
        bots, tags = self._plain(Field.BOT), self._plain(Field.TAG)
        return MemoryFilter(
            bot=bots[-1].value if bots else None,
            tag=tags[-1].value if tags else None,
            words=tuple(term.value for term in self._plain(Field.TEXT)),
            scores=self._range(Field.SCORE),
            importances=self._range(Field.IMPORTANCE),
        )

    def _range(self, field: Field) -> tuple[float, float]:
        terms = self._plain(field)
        least = max((term.number for term in terms if term.over), default=-math.inf)
        return least, min((term.number for term in terms if not term.over), default=math.inf)

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


def parse_filter(text: str, grammar: Grammar = OF_RUNS) -> Filter:
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
        terms.extend(_terms(grammar, key, operator, value, quoted is not None, bool(bang)))
    return Filter(text, tuple(terms))


def _terms(
    grammar: Grammar, key: str | None, operator: str, value: str, quoted: bool, negated: bool
) -> Sequence[Term]:
    if key is None:
        if not value:
            raise FilterError("There is nothing after “!”.", "Write for example !state:ok.")
        if not quoted and value.lower() in grammar.states:
            return [Term(Field.STATE, value.lower(), negated)]
        if negated and grammar is not OF_RUNS:
            raise FilterError("“!” cannot turn a text around here.", f"Write for example: {grammar.help}")
        return [Term(Field.TEXT, value, negated)]
    if key.lower() not in grammar.fields:
        instead = f"{grammar.stateless} " if grammar.stateless and key.lower() == Field.STATE else ""
        raise FilterError(f"There is no field “{key}”.", f"{instead}Known are: {grammar.help}")
    field = Field(key.lower())
    if not value:
        raise FilterError(f"There is nothing after “{key}{operator}”.", f"Write for example: {grammar.help}")
    if (field in _COMPARED) != (operator != ":"):
        hint = f"Write {field}:… with a colon."
        if field in _COMPARED:
            hint = (
                "Write dur>30s or dur<2min." if field is Field.DUR else f"Write {field}>0.5 or {field}<0.1."
            )
        raise FilterError(f"“{key}{operator}” does not go together.", hint)
    if negated and field is not Field.STATE and grammar is not OF_RUNS:
        raise FilterError(f"“!” cannot turn “{key}” around here.", f"Write for example: {grammar.help}")
    if field in (Field.SCORE, Field.IMPORTANCE):
        return [Term(field, value, negated, _fraction(value), operator.startswith(">"))]
    if field in (Field.DUR, Field.SINCE):
        return [Term(field, value, negated, _seconds(field, value), operator.startswith((">", ":")))]
    parts = [value] if quoted else value.split(",")
    return [_word_term(grammar, field, part, negated) for part in parts if part]


def _word_term(grammar: Grammar, field: Field, value: str, negated: bool) -> Term:
    if field is Field.STATE:
        value = value.lower()
        if value not in grammar.states:
            known = ", ".join(sorted(grammar.states))
            raise FilterError(f"There is no state “{value}”.", f"States are {known}.")
    if field is Field.TRIGGER:
        value = value.lower()
        if value not in set(Trigger):
            raise FilterError(f"There is no trigger “{value}”.", f"Triggers are {', '.join(Trigger)}.")
    if field is Field.TYPE:
        value = value.lower()
        if value not in set(EntityType):
            raise FilterError(f"There is no type “{value}”.", f"Types are {', '.join(EntityType)}.")
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


def _fraction(value: str) -> float:
    if _FRACTION.fullmatch(value) is None:
        raise FilterError(f"“{value}” is not a number.", "Use one from 0 to 1, such as 0.25.")
    return float(value)


def _like(value: str, pattern: str) -> bool:
    # Only * is special in our patterns; fnmatch would read ? and [ ] as well.
    escaped = re.sub(r"([?\[])", r"[\1]", pattern.lower())
    return fnmatchcase(value.lower(), escaped)


def _run_matches(term: Term, run: Run, now: datetime, nodes: Nodes) -> bool:
    match term.field:
        case Field.NODE:
            if run.node_id is None:
                return False
            return _like(nodes.get(run.node_id, ""), term.value) or _like(str(run.node_id), f"{term.value}*")
        case Field.STATE:
            wanted = _STATES[term.value]
            if wanted is State.LATE:
                return _was_late(run, now)
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
        case _:
            raise ValueError(f"{term.field} says nothing about runs")


def _was_late(run: Run, now: datetime) -> bool:
    """Whether a scheduled run started, or still waits, clearly after it could."""
    if run.trigger is not Trigger.SCHEDULE or run.status is RunStatus.SKIPPED:
        return False
    return ((run.started_at or now) - run.scheduled_for).total_seconds() > LATE_AFTER_SECONDS


def _action_matches(term: Term, action: OperatorAction, now: datetime) -> bool:
    job, _, bot = action.object_name.rpartition(" ")
    match term.field:
        case Field.WHO:
            return _like(action.actor, term.value) or _like(action.actor, f"{term.value} *")
        case Field.DID:
            return _like(action.action, term.value)
        case Field.JOB:
            return _like(job, term.value)
        case Field.BOT:
            return _like(bot, term.value)
        case Field.SINCE:
            return action.at >= now - timedelta(seconds=term.number)
        case Field.TEXT:
            details = json.dumps(dict(action.details), ensure_ascii=False, default=str)
            own = (str(action.id), action.actor, action.action, action.object_name, action.object_id)
            return any(term.value.lower() in (text or "").lower() for text in (*own, action.reason, details))
        case _:
            raise ValueError(f"{term.field} says nothing about actions")


def _job_matches(term: Term, overview: JobOverview, now: datetime, nodes: Nodes) -> bool:
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
    return latest is not None and _run_matches(term, latest, now, nodes)
