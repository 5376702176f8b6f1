"""The past of profiles: reading versions, going back to one, taking back what a run did, and pins.

Going back adds a version and never removes one. Whatever stands in the way is named, and nothing changes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.database import Database
from scheduler_core.db.profile_publication import begin_change, end_change, keep_foreign, lock
from scheduler_core.db.profile_rows import entity_of, version_of
from scheduler_core.db.rows import Row
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import Entity, ProfileVersion
from scheduler_core.errors import NotFoundError, StateError

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVersion:
    """A version and how it stands to what is known now.

    Attributes:
        deleted: attributes it rests on that are gone.
        changed: attributes it rests on that read differently now.
    """

    version: ProfileVersion
    deleted: tuple[int, ...]
    changed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What an undo did.

    Attributes:
        before: the run that had undone it already, if that is so; then nothing was changed now.
    """

    entities: tuple[Entity, ...]
    before: UUID | None = None


class ProfileHistory:
    """Statements over versions and the changes of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self, entity: Entity, number: int) -> FoundVersion:
        """
        Raises:
            NotFoundError: there is no such version.
        """
        sql = statement("profile_version")
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.text, *sql.bind(**_named(entity), version=number))
        return _found(entity, number, row)

    async def rollback(
        self, entity: Entity, number: int, *, actor: str, newest: int | None = None
    ) -> tuple[UUID, ProfileVersion]:
        """Makes an earlier version live again, as a new one; the next run leaves it until an attribute
        changes.

        Args:
            actor: who asks, for the audit.
            newest: the latest version that was known when it was asked for; None for whatever is there.

        Returns:
            The run it was recorded as, and the new version.

        Raises:
            NotFoundError: there is no such profile or version.
            StateError: it rests on attributes that were deleted or changed, or it is live, or a newer version
                was published meanwhile.
        """
        find, back = statement("profile_version"), statement("profile_rollback")
        async with self._database.transaction() as connection:
            profile_id = await self._locked(connection, entity)
            await self._require_newest(connection, profile_id, entity, newest)
            await keep_foreign(connection, [profile_id])
            row = await connection.fetchrow(find.text, *find.bind(**_named(entity), version=number))
            found = _found(entity, number, row)
            await self._require_fit(connection, profile_id, entity, found)
            run_id = await self._record(connection, entity, number, actor)
            await begin_change(connection, [profile_id], run_id=run_id)
            made = await connection.fetchval(
                back.text, *back.bind(profile_id=profile_id, version=number, run_id=run_id)
            )
            await end_change(connection, [profile_id], run_id=run_id)
        return run_id, (await self.version(entity, made)).version

    async def undo(self, source_run_id: UUID, *, run_id: UUID) -> Undone:
        """Takes back everything a run did to profiles, exactly, or nothing.

        The profile then counts as summarised at the undone revision: the next run leaves it until an
        attribute changes. Undoing an undo ends that too.

        Args:
            run_id: the run that undoes.

        Raises:
            StateError: something newer rests on what would be taken back, and is named; or there is nothing
                to take back.
        """
        locked, undo = statement("profile_lock_changed"), statement("profile_undo")
        async with self._database.transaction() as connection:
            rows = await connection.fetch(locked.text, *locked.bind(run_id=source_run_id))
            if not rows:
                raise StateError(f"The run {source_run_id} changed no profile.", "There is nothing to undo.")
            before = next((row["undone_by"] for row in rows if row["undone_by"] is not None), None)
            if before is not None:
                return Undone(entities=(), before=before)
            await _require_clear(connection, source_run_id)
            ids = [row["id"] for row in rows]
            await begin_change(connection, ids, run_id=run_id)
            done = await connection.fetch(undo.text, *undo.bind(source_run_id=source_run_id, run_id=run_id))
            await end_change(connection, ids, run_id=run_id)
        return Undone(entities=tuple(sorted((entity_of(row) for row in done), key=str)))

    async def pin(self, entity: Entity, attribute_id: int, *, pinned: bool, actor: str | None = None) -> None:
        """Says whether every summary has to hold an attribute; the next run heeds it.

        Args:
            actor: who asks, for the audit; None leaves no trace there.

        Raises:
            NotFoundError: the entity has no such attribute.
            StateError: it is as wanted already.
        """
        sql = statement("profile_pin")
        async with self._database.transaction() as connection:
            done = await connection.fetchval(
                sql.text, *sql.bind(**_named(entity), id=attribute_id, pinned=pinned)
            )
            known = await connection.fetchval(
                "SELECT true FROM entity_profile_attributes"
                " WHERE entity_type = $1 AND entity_id = $2 AND id = $3",
                *_named(entity).values(),
                attribute_id,
            )
            if done is not None and actor is not None:
                await connection.execute(
                    "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
                    " VALUES ($1, $2, 'profile', $3, jsonb_build_object('attribute', $4::integer))",
                    storable(actor),
                    "pin" if pinned else "unpin",
                    str(entity),
                    attribute_id,
                )
        if known is None:
            raise NotFoundError(
                f"{entity} has no attribute {attribute_id}.",
                f"List them with: bawt-console profiles show {entity}",
            )
        if done is None:
            raise StateError(
                f"The attribute {attribute_id} is {'pinned already' if pinned else 'not pinned'}.",
                "Nothing was changed.",
            )

    async def _locked(self, connection: Connection, entity: Entity) -> int:
        ids = await lock(connection, [entity])
        if not ids:
            raise NotFoundError(f"Nothing is known of {entity}.", "Check how it is spelt.")
        return next(iter(ids.values()))

    async def _require_newest(
        self, connection: Connection, profile_id: int, entity: Entity, newest: int | None
    ) -> None:
        there = await connection.fetchval(
            "SELECT coalesce(max(version), 0) FROM entity_profile_versions WHERE profile_id = $1", profile_id
        )
        if newest is not None and there != newest:
            raise StateError(
                f"{entity} is at version {there} by now, not at {newest}.",
                "Look at it first; nothing was changed.",
            )

    async def _require_fit(
        self, connection: Connection, profile_id: int, entity: Entity, found: FoundVersion
    ) -> None:
        if found.deleted or found.changed:
            parts = [("deleted", found.deleted), ("changed", found.changed)]
            what = " and ".join(f"{word} attributes {_listed(ids)}" for word, ids in parts if ids)
            raise StateError(
                f"Version {found.version.version} of {entity} rests on {what}.",
                "Choose another version, or let maintenance write a new one.",
            )
        live = await connection.fetchval("SELECT summary FROM entity_profiles WHERE id = $1", profile_id)
        if (live or "") == found.version.summary:
            raise StateError(f"Version {found.version.version} of {entity} is live.", "Nothing was changed.")

    async def _record(self, connection: Connection, entity: Entity, number: int, actor: str) -> UUID:
        sql = statement("profile_rollback_run")
        result = json.dumps({"rollback": {"entity": str(entity), "version": number}}, ensure_ascii=False)
        run_id: UUID = await connection.fetchval(sql.text, *sql.bind(result=result))
        await connection.execute(
            "INSERT INTO operator_actions (actor, action, object_type, object_id, details)"
            " VALUES ($1, 'rollback', 'profile', $2,"
            " jsonb_build_object('version', $3::integer, 'run', $4::text))",
            storable(actor),
            str(entity),
            number,
            str(run_id),
        )
        return run_id


async def _require_clear(connection: Connection, source_run_id: UUID) -> None:
    sql = statement("profile_undo_obstacles")
    rows = await connection.fetch(sql.text, *sql.bind(run_id=source_run_id))
    if not rows:
        return
    named = "; ".join(f"{entity_of(row)} ({_obstacle(row)})" for row in rows[:_NAMED])
    more = f"; and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    raise StateError(
        f"Something newer rests on what run {source_run_id} did: {named}{more}.",
        "Nothing was changed. Undo the newer runs first, or roll the profile back.",
    )


def _obstacle(row: Row) -> str:
    if row["ids"] is not None:
        return f"the earlier summary quotes attributes {_listed(row['ids'])}, which were deleted"
    if row["newer"] is not None:
        return f"version {row['newer']} was published since"
    return "its summary was changed since"


def _found(entity: Entity, number: int, row: Row | None) -> FoundVersion:
    if row is None:
        raise NotFoundError(
            f"There is no version {number} of {entity}.",
            f"List them with: bawt-console profiles versions {entity}",
        )
    return FoundVersion(
        version=version_of(entity, row),
        deleted=tuple(row["deleted"] or ()),
        changed=tuple(row["changed"] or ()),
    )


def _listed(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(map(str, ids[:_NAMED])) + more


def _named(entity: Entity) -> dict[str, str]:
    return {"entity_type": entity.type.value, "entity_id": entity.id.strip().lower()}
