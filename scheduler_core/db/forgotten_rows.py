"""Takes an entity out of the rows that stay: runs, their logs and plans, what people did, and jobs.

Rows are read and written some at a time over a connection inside the caller's transaction; nothing here
commits. With `is_dry` nothing is written, and the counts are the same.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.redaction import Redaction
from scheduler_core.db.rows import Row
from scheduler_core.db.statement import statement

_BATCH = 50
_FORGOTTEN = "forgotten"
PAUSED_REASON = "Its settings named somebody who was forgotten."

_Values = Mapping[str, object]
_Rewriting = Callable[[Row], _Values | None]


class ForgottenRows:
    """The rows that name one entity.

    Args:
        bot: the id of a bot that is forgotten; None for a person.
        actor: who paused the jobs.
        patience: seconds for one statement.
        only: runs to look at, with their logs and plans; None looks at everything.
    """

    def __init__(
        self,
        connection: Connection,
        redaction: Redaction,
        *,
        bot: str | None,
        actor: str,
        patience: float,
        is_dry: bool = False,
        only: Sequence[UUID] | None = None,
    ) -> None:
        self._connection = connection
        self._redaction = redaction
        self._bot = bot
        self._actor = actor
        self._patience = patience
        self._is_dry = is_dry
        self._only = None if only is None else list(only)

    async def of_runs(self) -> dict[str, int]:
        """Logs and plans first, because those of a bot's own runs are found by its name. The counts leave
        those out."""
        wanted: _Values = {"needles": self._redaction.needles, "only": self._only, "bot": self._bot}
        if self._bot is not None and not self._is_dry:
            await self._execute("forget_bot_records", bot=self._bot)
        return {
            "log_lines": await self._rewrite("forget_find_events", "forget_events", self._event, wanted),
            "plans": await self._rewrite("forget_find_plans", "forget_plans", self._plan, wanted),
            "runs": await self._rewrite("forget_find_runs", "forget_runs", self._run, wanted),
        }

    async def of_jobs_and_people(self) -> dict[str, int]:
        """What people did, and the jobs they set up. A bot's own jobs are deleted."""
        own, changed = await self._jobs()
        if not self._is_dry:
            await self._connection.execute("DELETE FROM scheduled_jobs WHERE id = ANY ($1)", own)
            if changed:
                await self._execute("forget_jobs", actor=self._actor, **_columns(changed))
        wanted: _Values = {"needles": self._redaction.needles, "bot": self._bot}
        actions = await self._rewrite("forget_find_actions", "forget_actions", self._action, wanted)
        return {"actions": actions, "jobs_deleted": len(own), "jobs_paused": len(changed)}

    async def _jobs(self) -> tuple[list[UUID], list[_Values]]:
        own: list[UUID] = []
        changed: list[_Values] = []
        sql = statement("forget_find_jobs")
        values = sql.bind(bot=self._bot, needles=self._redaction.needles)
        # Nobody edits a job that is about to be rewritten; a transaction that only looks may lock nothing.
        locked = sql.text if self._is_dry else f"{sql.text}\nFOR UPDATE OF j"
        for row in await self._connection.fetch(locked, *values, timeout=self._patience):
            if self._bot is not None and row["bot_id"].lower() == self._bot:
                own.append(row["id"])
                continue
            config = self._redaction.json_text(row["config_json"])
            reason = self._text(row["paused_reason"])
            if config != row["config_json"]:
                changed.append({"ids": row["id"], "configs": config, "reasons": reason or PAUSED_REASON})
            elif reason != row["paused_reason"]:
                changed.append({"ids": row["id"], "configs": config, "reasons": reason})
        return own, changed

    def _event(self, row: Row) -> _Values | None:
        message = self._redaction.text(row["message"])
        return None if message == row["message"] else {"ids": row["id"], "messages": message}

    def _plan(self, row: Row) -> _Values | None:
        plan = self._redaction.json_text(row["plan"])
        return None if plan == row["plan"] else {"ids": row["run_id"], "plans": plan}

    def _run(self, row: Row) -> _Values | None:
        before = {
            "bots": row["bot_id"],
            "results": row["result_json"],
            "errors": row["error_message"],
            "progress": row["progress"],
            "reasons": row["reason"],
            "suspicious": list(row["suspicious"]),
        }
        if self._bot is not None and row["bot_id"].lower() == self._bot:
            after: dict[str, object] = {name: value and _FORGOTTEN for name, value in before.items()}
            after |= {"bots": self._redaction.token, "suspicious": [_FORGOTTEN for _ in row["suspicious"]]}
            after["results"] = row["result_json"] and '{"result": "forgotten"}'
        else:
            after = {name: self._text(value) for name, value in before.items() if isinstance(value, str)}
            after["suspicious"] = [self._redaction.text(reason) for reason in row["suspicious"]]
            if row["result_json"] is not None:
                after["results"] = self._redaction.json_text(row["result_json"])
            after = before | after
        if after == before:
            return None
        # A matrix is no array of arrays in PostgreSQL, so that the list travels as JSON.
        return {"ids": row["id"], **after, "suspicious": json.dumps(after["suspicious"])}

    def _action(self, row: Row) -> _Values | None:
        object_id = self._redaction.text(row["object_id"])
        if self._bot is not None and row["object_type"] == "memory":
            owner, slash, name = row["object_id"].partition("/")
            if owner.lower() == self._bot:
                object_id = f"{self._redaction.token}{slash}{name}"
        before = (row["object_id"], row["reason"], row["details"])
        after = (object_id, self._text(row["reason"]), self._redaction.json_text(row["details"]))
        if after == before:
            return None
        return {"ids": row["id"], "objects": after[0], "reasons": after[1], "details": after[2]}

    def _text(self, text: str | None) -> str | None:
        return None if text is None else self._redaction.text(text)

    async def _rewrite(self, find: str, write: str, rewriting: _Rewriting, wanted: _Values) -> int:
        count = 0
        async for batch in self._batches(find, wanted):
            changed = [new for row in batch if (new := rewriting(row)) is not None]
            count += len(changed)
            if changed and not self._is_dry:
                await self._execute(write, **_columns(changed))
        return count

    async def _batches(self, find: str, values: _Values) -> AsyncIterator[list[Row]]:
        sql = statement(find)
        batch: list[Row] = []
        async for row in self._connection.cursor(
            sql.text, *sql.bind(**values), prefetch=_BATCH, timeout=self._patience
        ):
            batch.append(row)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _execute(self, name: str, **values: Any) -> None:
        sql = statement(name)
        await self._connection.execute(sql.text, *sql.bind(**values), timeout=self._patience)


def _columns(rows: Sequence[_Values]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
