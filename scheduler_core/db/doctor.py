"""Looks for what went wrong unnoticed, in our database and in that of an llm-bawt service. It writes nothing.

Findings count, and name entities, keys and ids; never a person's text. What cannot be known for certain says
so: a deleted memory leaves no row, only traces in what stayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from scheduler_core.db.connect import Address, Connection, connect, plain_errors
from scheduler_core.db.llm_bawt.shape import Owner, Shape, shape_of
from scheduler_core.db.lost_memories import hidden_errors, lost_memories, unmentioned_messages
from scheduler_core.db.migration import VERSION_TABLE, known_revisions
from scheduler_core.db.statement import statement

EXAMPLES = 5
# A service's run says nowhere that somebody still works on it; none of its jobs takes so long.
STUCK_AFTER = 6 * 3600.0
# Its profiles have their turn every hour, ours by default too; this is more than a few turns missed.
STALE_AFTER = 24 * 3600.0
# Beyond its lease; another node takes over within seconds if there is one.
LOST_AFTER = 60.0

# What llm-bawt's reading of "He is a …" stores as a name, and its kin.
WRONG_NAMES = (
    *(
        "he",
        "she",
        "they",
        "it",
        "i",
        "me",
        "you",
        "we",
        "us",
        "him",
        "her",
        "them",
        "his",
        "hers",
        "my",
        "your",
    ),
    *("this", "that", "there", "who", "someone", "the", "a", "an", "user", "the user", "human", "person"),
    *(
        "name",
        "none",
        "null",
        "nil",
        "unknown",
        "n/a",
        "na",
        "undefined",
        "anonymous",
        "er",
        "sie",
        "ich",
        "es",
    ),
)


class Certainty(StrEnum):
    """How much a finding can be relied on."""

    CERTAIN = "certain"
    LIKELY = "likely"
    HINT = "hint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of thing that is wrong.

    Attributes:
        sentence: what is wrong, with the count.
        examples: the first few, one line each.
        hint: what to do, or what else it may mean; may be empty.
    """

    name: str
    count: int
    sentence: str
    examples: tuple[str, ...] = ()
    certainty: Certainty = Certainty.CERTAIN
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a look at one database found.

    Attributes:
        checked: the names of what was looked for, found or not.
        facts: how the database was made.
    """

    label: str
    owner: Owner
    at: datetime
    facts: tuple[str, ...]
    checked: tuple[str, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_healthy(self) -> bool:
        return not self.findings


async def examine(address: Address, *, examples: int = EXAMPLES, stale_after: float = STALE_AFTER) -> Report:
    """Looks at the database in one snapshot, with a session that the server lets write nothing.

    Args:
        examples: of each finding, at least 1.
        stale_after: seconds that a change of an attribute may wait for its summary.

    Raises:
        DatabaseError: it cannot be read.
    """
    connection = await connect(address, application="bawt doctor", read_only=True)
    try:
        with plain_errors(address):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                shape = await shape_of(connection)
                doctor = _Doctor(connection, shape, limit=examples, stale_after=stale_after)
                await doctor.look()
                return Report(
                    label=address.label,
                    owner=shape.owner,
                    at=(await connection.fetchval("SELECT now()")).astimezone(UTC),
                    facts=shape.facts,
                    checked=tuple(doctor.checked),
                    findings=tuple(finding for finding in doctor.found if finding.count),
                )
    finally:
        await connection.close()


class _Doctor:
    """One look at one database."""

    def __init__(self, connection: Connection, shape: Shape, *, limit: int, stale_after: float) -> None:
        self.found: list[Finding] = []
        self.checked: list[str] = []
        self._connection = connection
        self._shape = shape
        self._limit = max(1, limit)
        self._stale_after = stale_after

    async def look(self) -> None:
        if self._shape.owner is Owner.SERVICE:
            await self._look_at_service()
        elif self._shape.owner is Owner.OURS:
            await self._look_at_ours()

    async def _look_at_service(self) -> None:
        shape, connection = self._shape, self._connection
        if shape.has("scheduled_jobs", "job_runs"):
            await self._stuck_runs("stuck_runs", STUCK_AFTER)
            await self._keep("hidden_errors", await hidden_errors(connection, self._limit))
        if shape.memory_tables and shape.has("scheduled_jobs", "job_runs"):
            await self._keep("lost_memories", await lost_memories(connection, shape, self._limit))
        if shape.memory_tables and shape.has("entity_profile_attributes"):
            await self._keep(
                "unmentioned_messages", await unmentioned_messages(connection, shape, self._limit)
            )
        if shape.has("entity_profiles", "entity_profile_attributes"):
            await self._stale_summaries("stale_summaries")
            await self._missing_summaries()
            await self._duplicate_keys(only_equal=False)
            await self._wrong_names()

    async def _look_at_ours(self) -> None:
        revision = await self._connection.fetchval(f"SELECT version_num FROM {VERSION_TABLE}")
        self.checked.append("schema")
        if revision != known_revisions()[-1]:
            said = f"The schema is at {revision}; this release knows {known_revisions()[-1]}."
            self.found.append(
                Finding(name="schema", count=1, sentence=said, hint="See `bawt-console db upgrade`.")
            )
            return
        await self._stuck_runs("abandoned_runs", LOST_AFTER)
        await self._lost_nodes()
        await self._stale_summaries("unsummarised_profiles")
        await self._duplicate_keys(only_equal=True)
        await self._wrong_names()

    async def _keep(self, name: str, found: tuple[int, Sequence[str]]) -> None:
        self.checked.append(name)
        count, examples = found
        one, many, certainty, hint = _FROM_TRACES[name]
        self.found.append(
            Finding(
                name=name,
                count=count,
                sentence=f"{count:,} {one if count == 1 else many}",
                examples=tuple(examples[: self._limit]),
                certainty=Certainty(certainty),
                hint=hint,
            )
        )

    async def _stuck_runs(self, query: str, after: float) -> None:
        rows, total = await self._rows(query, after=after)
        self._found(
            "stuck_runs",
            total,
            "run is RUNNING though nothing works on it any more.",
            "runs are RUNNING though nothing works on them any more.",
            [
                f"{row['job_type']} {row['bot_id']} ({row['run']}), since {_time(row['since'])}"
                for row in rows
            ],
            "A crash left them; no count of running runs can be trusted until somebody ends them."
            if self._shape.owner is Owner.SERVICE
            else "A scheduler that is running takes them over by itself: bawt-console --no-ui",
            # Only time says it of a service's run; of ours the lease does.
            Certainty.LIKELY if self._shape.owner is Owner.SERVICE else Certainty.CERTAIN,
        )

    async def _lost_nodes(self) -> None:
        rows, total = await self._rows("lost_nodes", after=LOST_AFTER)
        self._found(
            "lost_nodes",
            total,
            "node went away without a word.",
            "nodes went away without a word.",
            [f"{row['name']}, its lease ended {_time(row['since'])}" for row in rows],
        )

    async def _stale_summaries(self, query: str) -> None:
        rows, total = await self._rows(query, after=self._stale_after)
        self._found(
            "stale_summaries",
            total,
            "summary is older than what is known of its entity.",
            "summaries are older than what is known of their entities.",
            [
                f"{row['entity']}: {_counted(row['newer'], 'change')} since {_time(row['since'])}"
                for row in rows
            ],
            "Profile maintenance has not looked at them again; see what its runs say.",
        )

    async def _missing_summaries(self) -> None:
        rows, total = await self._rows("missing_summaries", after=self._stale_after)
        self._found(
            "missing_summaries",
            total,
            "profile has attributes and no summary.",
            "profiles have attributes and no summary.",
            [f"{row['entity']}: {_counted(row['attributes'], 'attribute')}" for row in rows],
        )

    async def _duplicate_keys(self, *, only_equal: bool) -> None:
        rows, total = await self._rows("duplicate_keys", only_equal=only_equal)
        self._found(
            "duplicate_keys",
            total,
            "key of an entity is stored more than once.",
            "keys of an entity are stored more than once.",
            [
                f"{row['entity']} {row['key']}: {row['copies']} times,"
                f" {_counted(row['different'], 'different value')}"
                for row in rows
            ],
            "Equal copies say nothing new; of different values only one can be right today.",
        )

    async def _wrong_names(self) -> None:
        rows, total = await self._rows("wrong_names", words=list(WRONG_NAMES))
        self._found(
            "wrong_display_names",
            total,
            "display name is no name but a word out of a sentence.",
            "display names are no names but words out of a sentence.",
            [row["entity"] for row in rows],
        )

    async def _rows(self, query: str, **values: object) -> tuple[list[dict[str, object]], int]:
        sql = statement(f"doctor/{query}")
        found = await self._connection.fetch(sql.text, *sql.bind(limit=self._limit, **values))
        return [dict(row) for row in found], found[0]["total"] if found else 0

    def _found(
        self,
        name: str,
        count: int,
        one: str,
        many: str,
        examples: list[object] | list[str],
        hint: str = "",
        certainty: Certainty = Certainty.CERTAIN,
    ) -> None:
        self.checked.append(name)
        sentence = f"{count:,} {one if count == 1 else many}"
        self.found.append(
            Finding(
                name=name,
                count=count,
                sentence=sentence,
                examples=tuple(map(str, examples)),
                certainty=certainty,
                hint=hint,
            )
        )


# The sentence after one and after another count, how certain it is, and what else it may mean.
_FROM_TRACES = {
    "lost_memories": (
        "consolidation reports merges, but no memory was made or changed while it ran.",
        "consolidations report merges, but no memory was made or changed while they ran.",
        "likely",
        "The merged memories are most likely deleted without the merge. A merge that was itself changed or"
        " deleted later looks the same; a backup from before can tell.",
    ),
    "unmentioned_messages": (
        "message that an attribute rests on is mentioned by no memory.",
        "messages that attributes rest on are mentioned by no memory.",
        "hint",
        "Their memories may be lost, or there never were any: a deleted memory leaves no row.",
    ),
    "hidden_errors": (
        "run reports success with an error in its result.",
        "runs report success with an error in their results.",
        "certain",
        "They did not do what they say. Known of decay that compares times with and without a zone.",
    ),
}


def _counted(count: object, word: str) -> str:
    return f"{count} {word if count == 1 else word + 's'}"


def _time(at: object) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(at, datetime) else "an unknown time"
