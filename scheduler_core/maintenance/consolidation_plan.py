"""The plan of a consolidation as JSON, and back. It names memories by id and quotes none of them.

A memory's text may be deleted while a plan waits, and then no plan may still hold it; `memories show` has it
for whoever wants to read before applying. Hashes of the texts and of whole rows make sure that what is
applied is what was planned.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from scheduler_core.db.memory_archive import MergeGroup
from scheduler_core.db.memory_judgements import MemoryText, text_hash
from scheduler_core.errors import RunError
from scheduler_core.maintenance.consolidation_groups import Group

JOB = "memory_consolidation"
_LARGEST_COUNT = 2**31 - 1
_WHY = {
    "equal text": "the same text but for spelling and small words",
    "contained": "said in full by the memory that stays",
    "close": "the same words, and vectors that are nearly equal",
    "judged": "the same by the model, in both orders",
}


def plan_of(bot_id: str, groups: Sequence[Group]) -> dict[str, Any]:
    """The plan that does what the groups say."""
    return {
        "job": JOB,
        "bot_id": bot_id,
        "changes": [change for group in groups for change in _changes(bot_id, group)],
    }


def planned(plan: Mapping[str, Any], *, bot_id: str) -> list[MergeGroup]:
    """The groups that a plan merges.

    Raises:
        RunError: it is the plan of another job or bot, or was damaged.
    """
    if plan.get("job") != JOB or plan.get("bot_id") != bot_id:
        raise RunError("This is the plan of another job or bot.", "Make a new dry run.", retryable=False)
    try:
        hashes: dict[str, dict[str, bytes]] = {}
        states: dict[str, dict[str, bytes]] = {}
        numbers: dict[str, Mapping[str, Any]] = {}
        for change in plan["changes"]:
            id_ = _id(change, bot_id)
            hashes.setdefault(change["survivor"], {})[id_] = bytes.fromhex(change["text_hash"])
            states.setdefault(change["survivor"], {})[id_] = bytes.fromhex(change["state"])
            numbers[change["survivor"]] = change["numbers"]
        if any(survivor not in texts or len(texts) < 2 for survivor, texts in hashes.items()):
            raise ValueError("a group without a survivor")
        return [
            MergeGroup(survivor=survivor, hashes=texts, states=states[survivor], numbers=numbers[survivor])
            for survivor, texts in hashes.items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RunError("The plan is damaged.", "Make a new dry run.", retryable=False) from None


def _changes(bot_id: str, group: Group) -> Iterable[dict[str, Any]]:
    survivor = group.survivor
    common = {
        "survivor": survivor.id,
        "numbers": {"method": group.reason, "score": round(group.score, 4)},
    }
    yield {
        "object": f"memory/{bot_id}/{survivor.id}",
        "before": _state(survivor),
        "after": _state(survivor) | _united((survivor, *group.members)),
        "why": f"takes over what {len(group.members)} others counted",
        "text_hash": text_hash(survivor.content).hex(),
        "state": survivor.state.hex(),
        **common,
    }
    for row in group.members:
        yield {
            "object": f"memory/{bot_id}/{row.id}",
            "before": _state(row),
            "after": f"archived, merged into memory/{bot_id}/{survivor.id}",
            "why": _WHY[group.reason],
            "text_hash": text_hash(row.content).hex(),
            "state": row.state.hex(),
            **common,
        }


def _state(row: MemoryText) -> dict[str, Any]:
    return {
        "tags": list(row.tags),
        "source": row.source,
        "importance": round(row.importance, 6),
        "access_count": row.access_count,
        "pinned": row.pinned,
        "created_at": _time(row.created_at),
        "last_accessed": _time(row.last_accessed),
        "source_message_ids": list(row.source_message_ids),
    }


def _united(rows: Sequence[MemoryText]) -> dict[str, Any]:
    """What merging in the database makes of these."""
    accessed = [row.last_accessed for row in rows if row.last_accessed is not None]
    return {
        "tags": sorted({tag for row in rows for tag in row.tags}),
        "source": "explicit" if any(row.source == "explicit" for row in rows) else rows[0].source,
        "importance": round(max(row.importance for row in rows), 6),
        "access_count": min(sum(row.access_count for row in rows), _LARGEST_COUNT),
        "created_at": _time(min(row.created_at for row in rows)),
        "last_accessed": _time(max(accessed, default=None)),
        "source_message_ids": sorted({id_ for row in rows for id_ in row.source_message_ids}),
    }


def _id(change: Mapping[str, Any], bot_id: str) -> str:
    name: str = change["object"]
    prefix = f"memory/{bot_id}/"
    if not name.startswith(prefix):
        raise ValueError("not a memory of this bot")
    return name.removeprefix(prefix)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
