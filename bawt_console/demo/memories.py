"""The memories of the eight bots: what is in use, what was merged, and what faded.

Lineage, scores and archive rows are made as the jobs make them, for all runs of the month at once, so that
`restore` and undo work on them. It reads nothing.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from bawt_console.demo.people import BOTS, TAGS, wordings
from bawt_console.demo.runs import PastRun
from scheduler_core.db.connect import Connection

_WEIGHTS = {"health": 1.5, "work": 1.5, "relationship": 1.2, "plan": 0.5}
_FADED_BELOW = 0.05
_COLUMNS = (
    "bot_id",
    "id",
    "content",
    "tags",
    "importance",
    "source_message_ids",
    "access_count",
    "last_accessed",
    "created_at",
    "updated_at",
    "pinned",
    "source",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMemory:
    bot: str
    id: str
    content: str
    tag: str
    importance: float
    uses: int
    used_at: datetime
    made_at: datetime
    pinned: bool = False
    source: str = "inferred"

    def row(self) -> tuple[object, ...]:
        return (
            self.bot,
            self.id,
            self.content,
            json.dumps([self.tag]),
            self.importance,
            json.dumps([f"msg-{self.id[:8]}"]),
            self.uses,
            self.used_at,
            self.made_at,
            self.made_at,
            self.pinned,
            self.source,
        )


@dataclass(frozen=True, slots=True)
class Merge:
    """`member` went into `survivor`, which said the same."""

    survivor: DemoMemory
    member: DemoMemory
    run: PastRun
    score: float
    method: str


@dataclass(frozen=True, slots=True)
class Faded:
    memory: DemoMemory
    run: PastRun
    numbers: dict[str, Any]


@dataclass(slots=True)
class Minds:
    """All memories there ever were in the month."""

    kept: list[DemoMemory] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    faded: list[Faded] = field(default_factory=list)


class _Writer:
    """Makes memories of one bot, no two of them about the same thing."""

    def __init__(self, bot: str, luck: Random) -> None:
        self._bot = bot
        self._luck = luck
        self._number = BOTS.index(bot)

    def pair(self, survivor_at: datetime, member_at: datetime) -> tuple[DemoMemory, DemoMemory]:
        one, other = self._wordings()
        tag = self._luck.choice(TAGS)
        return self._memory(one, tag, survivor_at), self._memory(other, tag, member_at)

    def single(self, at: datetime, **changes: Any) -> DemoMemory:
        return self._memory(self._wordings()[0], self._luck.choice(TAGS), at, **changes)

    def fading(self, at: datetime) -> tuple[DemoMemory, dict[str, Any]]:
        """One that is worth too little at that moment, with the numbers that say so."""
        tag = self._luck.choice(("hobby", "plan", "misc", "preference"))
        importance = round(self._luck.uniform(0.05, 0.3), 2)
        life = half_life(importance, 0, tag)
        # The value halves with each life; how many lives until it is below the threshold, and a bit more.
        lives = math.log2((0.05 + 0.95 * importance) / _FADED_BELOW) + self._luck.uniform(0.02, 0.6)
        made = at - max(timedelta(days=31), timedelta(days=life * lives))
        memory = self._memory(self._wordings()[0], tag, made, importance=importance, uses=0, used_at=made)
        return memory, _numbers(memory, at)

    def _wordings(self) -> tuple[str, str]:
        number, self._number = self._number, self._number + len(BOTS)
        return wordings(number)

    def _memory(self, content: str, tag: str, at: datetime, **changes: Any) -> DemoMemory:
        luck = self._luck
        uses = int(luck.expovariate(0.25))
        values: dict[str, Any] = {
            "bot": self._bot,
            "id": str(UUID(int=luck.getrandbits(128), version=4)),
            "content": content,
            "tag": tag,
            "importance": round(luck.triangular(0.2, 0.95, 0.5), 2),
            "uses": uses,
            "used_at": at,
            "made_at": at,
            "source": "explicit" if luck.random() < 0.1 else "inferred",
        }
        return DemoMemory(**(values | changes))


def half_life(importance: float, uses: int, tag: str) -> float:
    """Days; the formula is in `decay_memories.sql`."""
    return 90 * 2 ** (2 * importance - 1) * min(1 + 0.35 * math.log(1 + uses), 3) * _WEIGHTS.get(tag, 1.0)


def the_minds(runs: Sequence[PastRun], now: datetime, luck: Random) -> Minds:
    """Gives every consolidation and decay that had something to do its memories and its result."""
    minds = Minds()
    writers = {bot: _Writer(bot, luck) for bot in BOTS}
    for bot, writer in writers.items():
        for _ in range(60):
            made = now - timedelta(days=luck.triangular(0.1, 400.0, 20.0))
            used = made + (now - made) * luck.random()
            pinned = luck.random() < 0.04
            minds.kept.append(writer.single(made, used_at=used, pinned=pinned))
        # What the next nights will find.
        minds.kept += [writer.fading(now)[0] for _ in range(14 if bot == "sol" else 5)]
    counts = dict.fromkeys(BOTS, 65)
    for run in sorted(runs, key=lambda each: each.started_at):
        if run.status != "success" or run.result is not None or run.bot not in writers:
            continue
        if run.job.type == "memory_consolidation":
            _consolidate(run, writers[run.bot], minds, counts, luck)
        elif run.job.type == "memory_decay":
            _decay(run, writers[run.bot], minds, counts, luck)
    return minds


def _consolidate(run: PastRun, writer: _Writer, minds: Minds, counts: dict[str, int], luck: Random) -> None:
    groups = luck.choice((1, 1, 1, 2, 2, 3))
    for _ in range(groups):
        heard = run.started_at - timedelta(minutes=luck.uniform(2, 175))
        before = heard - timedelta(days=luck.triangular(0.2, 60, 4))
        survivor, member = writer.pair(before, heard)
        method = luck.choice(("the model", "the model", "wording"))
        minds.merges.append(Merge(survivor, member, run, round(luck.uniform(0.74, 0.97), 4), method))
    counts[run.bot] += groups
    memories = counts[run.bot]
    changed = groups + luck.randrange(0, 4)
    asked, tokens = groups + luck.randrange(0, 3), round(run.seconds * 30)
    run.succeed(
        {
            "bot_id": run.bot,
            "method": "wording",
            "memories": memories,
            "changed": changed,
            "pairs_compared": changed * (memories - 1),
            "pairs_apart": {"numbers": luck.randrange(0, 3), "subject": luck.randrange(0, 9)},
            "groups_proposed": groups,
            "would_archive": groups,
            "groups_waiting": 0,
            "model": {
                "name": "Scripted-3B-demo",
                "provider": "demo",
                "locality": "local",
                "checksum": "",
                "calls": asked,
                "tokens_in": asked * 412,
                "tokens_out": tokens,
                "seconds": round(run.seconds * 0.92, 3),
                "tokens_per_second": round(tokens / (run.seconds * 0.92), 1),
            },
            "embedding": None,
            "groups": groups,
            "archived": groups,
            "seconds": round(run.seconds, 3),
        },
        seconds=run.seconds,
    )
    if luck.random() < 0.025:
        run.suspicious = (
            luck.choice(
                (
                    "2 answers of the model were unreadable or got a control pair wrong",
                    f"{memories // 9} of {memories} memories were merged for their meaning",
                    "the model gave no answer 3 times",
                )
            ),
        )
    run.lines = [
        (0.02, "info", f"{changed} memories are new or changed; {memories} are compared by their wording."),
        (run.seconds * 0.3, "info", f"{asked} pairs go to the model, each in both orders."),
        (
            run.seconds * 0.98,
            "info",
            f"{groups} groups said the same; {groups} memories went to the archive.",
        ),
    ]
    if run.suspicious:
        run.lines.insert(
            2, (run.seconds * 0.8, "warning", f"{run.suspicious[0][:1].upper()}{run.suspicious[0][1:]}.")
        )


def _decay(run: PastRun, writer: _Writer, minds: Minds, counts: dict[str, int], luck: Random) -> None:
    gone = luck.choice((1, 1, 2, 2, 3))
    scores = []
    for _ in range(gone):
        memory, numbers = writer.fading(run.started_at)
        scores.append(numbers["value"])
        minds.faded.append(Faded(memory, run, numbers))
    memories = counts[run.bot]
    run.succeed(
        {
            "bot_id": run.bot,
            "memories": memories,
            "below": gone,
            "cap": max(math.ceil(memories * 0.02), 1),
            "lowest_score": min(scores),
            "highest_score": max(scores),
            "archived": gone,
            "purged": 0,
        },
        seconds=run.seconds,
    )
    run.lines = [(run.seconds * 0.9, "info", f"{gone} of {memories} memories went to the archive.")]


def _numbers(memory: DemoMemory, at: datetime) -> dict[str, Any]:
    life = half_life(memory.importance, memory.uses, memory.tag)
    idle = (at - memory.used_at) / timedelta(days=1)
    return {
        "value": round((0.05 + 0.95 * memory.importance) * 2 ** (-idle / life), 6),
        "half_life_days": round(life, 2),
        "days_idle": round(idle, 2),
        "days_old": round((at - memory.made_at) / timedelta(days=1), 2),
        "importance": memory.importance,
        "access_count": memory.uses,
        "tag": memory.tag,
        "tag_weight": _WEIGHTS.get(memory.tag, 1.0),
    }


_MERGE = """
WITH pair AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::jsonb[])
        AS p (bot, survivor, member, run, at, numbers)
),
part AS MATERIALIZED (
    SELECT p.*, to_jsonb(s) AS survived, to_jsonb(m) AS gone, s.content, m.access_count AS uses,
        m.last_accessed AS used, m.importance AS weight, m.source_message_ids AS messages
    FROM pair p
    JOIN memories s ON s.bot_id = p.bot AND s.id = p.survivor
    JOIN memories m ON m.bot_id = p.bot AND m.id = p.member
),
merged AS (
    UPDATE memories m
    SET access_count = m.access_count + p.uses, last_accessed = greatest(m.last_accessed, p.used),
        importance = greatest(m.importance, p.weight), updated_at = p.at,
        source_message_ids = m.source_message_ids || p.messages
    FROM part p WHERE m.bot_id = p.bot AND m.id = p.survivor
    RETURNING m.bot_id, m.id, to_jsonb(m) - 'content' AS after
),
lineage AS (
    INSERT INTO memory_merges (bot_id, survivor, run_id, merged_at, members, before, after, text_hash)
    SELECT p.bot, p.survivor, p.run, p.at, ARRAY[p.member], p.survived - 'content', g.after,
        bawt_text_hash(p.content)
    FROM part p JOIN merged g ON g.bot_id = p.bot AND g.id = p.survivor
    ORDER BY p.at
),
archived AS (
    INSERT INTO memory_archive (bot_id, id, archived_at, run_id, cause, merged_into, numbers, memory)
    SELECT bot, member, at, run, 'merged', survivor, numbers, gone FROM part ORDER BY at
    RETURNING bot_id, id
)
DELETE FROM memories m USING archived a WHERE m.bot_id = a.bot_id AND m.id = a.id
"""
_FADE = """
WITH gone AS (
    SELECT f.*, to_jsonb(m) AS memory
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::timestamptz[], $5::float8[], $6::jsonb[])
        AS f (bot, id, run, at, score, numbers)
    JOIN memories m ON m.bot_id = f.bot AND m.id = f.id
),
archived AS (
    INSERT INTO memory_archive (bot_id, id, archived_at, run_id, cause, score, numbers, memory)
    SELECT bot, id, at, run, 'decayed', score, numbers, memory FROM gone ORDER BY at
    RETURNING bot_id, id
)
DELETE FROM memories m USING archived a WHERE m.bot_id = a.bot_id AND m.id = a.id
"""


async def write_minds(connection: Connection, minds: Minds) -> None:
    """All memories, then what the runs did to them. The connection is in a transaction."""
    await connection.execute("SET LOCAL timezone TO 'UTC'")
    everything = [
        *minds.kept,
        *(memory for merge in minds.merges for memory in (merge.survivor, merge.member)),
        *(one.memory for one in minds.faded),
    ]
    await connection.copy_records_to_table(
        "memories", columns=_COLUMNS, records=[memory.row() for memory in everything]
    )
    await connection.execute("ANALYZE memories")
    await connection.execute(
        _MERGE,
        [merge.survivor.bot for merge in minds.merges],
        [merge.survivor.id for merge in minds.merges],
        [merge.member.id for merge in minds.merges],
        [merge.run.id for merge in minds.merges],
        [merge.run.ended_at for merge in minds.merges],
        [json.dumps({"method": merge.method, "score": merge.score}) for merge in minds.merges],
    )
    await connection.execute(
        _FADE,
        [one.memory.bot for one in minds.faded],
        [one.memory.id for one in minds.faded],
        [one.run.id for one in minds.faded],
        [one.run.ended_at for one in minds.faded],
        [one.numbers["value"] for one in minds.faded],
        [json.dumps(one.numbers) for one in minds.faded],
    )
    # Consolidation has looked at all of them.
    await connection.execute("DELETE FROM memory_changes")
