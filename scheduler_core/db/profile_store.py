"""Profiles and their attributes: what hosts write, maintenance reads and publishes, and prompts use.

Raw attributes are added and read, never rewritten. A summary is published only against the revision it was
made from. Nothing here judges text. Ids of entities are stripped and lower-cased by `entity_named`.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

from scheduler_core.db.database import Database
from scheduler_core.db.judgement_store import JudgementStore
from scheduler_core.db.plan_store import mark_applied
from scheduler_core.db.profile_publication import lock, moved, write, write_drafts
from scheduler_core.db.profile_rows import (
    Added,
    Draft,
    DueEntities,
    FoundProfile,
    NewAttribute,
    Planned,
    ProfileListing,
    ProfileSnapshot,
    Publication,
    attribute_of,
    canonical_json,
    checked,
    entity_named,
    entity_of,
    found_of,
    profile_of,
    version_of,
    without_known,
)
from scheduler_core.db.statement import statement
from scheduler_core.domain import Attribute, Entity, EntityType, Profile, ProfileChange, ProfileVersion

__all__ = [
    "Added",
    "Draft",
    "DueEntities",
    "NewAttribute",
    "Planned",
    "ProfileListing",
    "ProfileSnapshot",
    "ProfileStore",
    "Publication",
    "canonical_json",
    "entity_named",
]

# Imports of one database take turns; any fixed number will do.
IMPORT_LOCK = 0x62617774696D70
_BATCH = 1_000
_FETCH = 500
_SUMMARY = "SELECT summary FROM entity_profiles WHERE entity_type = $1 AND entity_id = $2"


class ProfileStore:
    """One method per statement over the profile tables.

    Attributes:
        judgements: what models decided about ambiguous attributes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.judgements = JudgementStore(database)

    async def add(self, attributes: Sequence[NewAttribute]) -> Added:
        """Stores the attributes that are not there yet; the same call again changes nothing.

        Two are the same when entity, category, key, value, confidence, source and, where given, the time
        agree. Each thousand is one transaction.

        Raises:
            DataError: a field is too long or cannot be stored; nothing was stored then.
        """
        attributes = [checked(attribute) for attribute in attributes]
        total = Added(0, 0)
        for start in range(0, len(attributes), _BATCH):
            total += await self._add_batch(attributes[start : start + _BATCH])
        return total

    async def entities(self, *, page: int = 1_000) -> tuple[ProfileListing, ...]:
        """The first `page` profiles by name, with the number of their attributes."""
        sql = statement("profile_list")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(page=page))
        return tuple(ProfileListing(profile=profile_of(row), attributes=row["attributes"]) for row in rows)

    async def attributes(self, entity: Entity) -> tuple[Attribute, ...]:
        """Everything stored about an entity, by id."""
        return tuple((await self._attributes([entity])).get(_as_stored(entity), ()))

    async def profile(self, entity: Entity) -> Profile | None:
        found = (await self._read([entity])).get(_as_stored(entity))
        return None if found is None else found.profile

    async def summary(self, entity: Entity) -> str | None:
        """The live summary for a system prompt; one indexed read. None if there is none."""
        async with self._database.connection() as connection:
            text: str | None = await connection.fetchval(_SUMMARY, *_named(entity).values())
        return text

    async def snapshot(self, entity: Entity) -> ProfileSnapshot | None:
        """The profile, its latest version and its attributes; None if nothing was ever stored."""
        return (await self.snapshots([entity])).get(_as_stored(entity))

    async def snapshots(self, entities: Sequence[Entity]) -> dict[Entity, ProfileSnapshot]:
        """The same for many, in two statements; without those of which nothing was ever stored."""
        found = await self._read(entities)
        attributes = await self._attributes(list(found)) if found else {}
        return {
            entity: ProfileSnapshot(
                profile=one.profile,
                recipe=one.recipe,
                version=one.version,
                attributes=tuple(attributes.get(entity, ())),
                at=one.at,
                held=one.held,
            )
            for entity, one in found.items()
        }

    async def changed_entities(self, *, model_available: bool, recipe: int) -> DueEntities:
        """Entities whose summary is out of date, by name; one statement however many are not.

        It is when an attribute changed, when another recipe made it, or when no model was at hand and one
        is now.
        """
        sql = statement("profile_changed")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(recipe=recipe, model_available=model_available))
        return DueEntities(
            entities=tuple(entity_of(row) for row in rows if row["entity_type"] is not None),
            profiles=rows[0]["profiles"],
        )

    async def publish(self, publication: Publication, *, run_id: UUID | None) -> ProfileVersion:
        """Makes a summary live and adds its version, in one transaction.

        A live summary that came from elsewhere becomes a version of its own first.

        Raises:
            StateError: an attribute changed, or somebody published, since the plan was made.
        """
        [version] = await self.apply([Planned(publication=publication)], run_id=run_id)
        assert version is not None
        return version

    async def confirm(self, publication: Publication) -> None:
        """Records that the live summary still holds for this revision; adds no version.

        Raises:
            StateError: as `publish`.
        """
        await self.apply([Planned(publication=publication, is_changed=False)], run_id=None)

    async def apply(
        self, planned: Sequence[Planned], *, run_id: UUID | None, plan_of: UUID | None = None
    ) -> list[ProfileVersion | None]:
        """Writes all of a plan or nothing, in one transaction; the versions in its order.

        Args:
            plan_of: the dry run the plan comes from; it is applied once.

        Raises:
            StateError: an entity moved since the plan was made, and is named; or the dry run was applied.
            ValueError: an entity is planned twice.
        """
        entities = [one.publication.entity for one in planned]
        if len(set(map(_as_stored, entities))) < len(entities):
            raise ValueError("an entity is planned twice")
        async with self._database.transaction() as connection:
            if plan_of is not None and run_id is not None:
                await mark_applied(connection, plan_of, by=run_id)
            ids = await lock(connection, entities)
            by_id = {
                ids[stored]: one
                for stored, one in zip(map(_as_stored, entities), planned, strict=True)
                if stored in ids
            }
            done = await write(connection, by_id, run_id=run_id) if by_id else {}
            late = [entity for entity in entities if ids.get(_as_stored(entity)) not in done]
            if late:
                raise moved(late)
        return [done[ids[_as_stored(entity)]] for entity in entities]

    async def record_drafts(self, entity: Entity, drafts: Sequence[Draft], *, run_id: UUID | None) -> None:
        """Keeps what a model wrote and the verifier refused."""
        async with self._database.connection() as connection:
            await write_drafts(connection, entity, drafts, run_id=run_id)

    async def drafts(self, entity: Entity) -> tuple[Draft, ...]:
        """The refused drafts of an entity, oldest first."""
        sql = statement("profile_drafts")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(**_named(entity)))
        return tuple(
            Draft(
                category=row["category"],
                text=row["draft"],
                failures=tuple(json.loads(row["failures"])),
                attribute_ids=tuple(row["attribute_ids"] or ()),
                at=row["created_at"],
                run_id=row["run_id"],
            )
            for row in rows
        )

    async def versions(self, entity: Entity, *, page: int = 100) -> tuple[ProfileVersion, ...]:
        """The published summaries of an entity, newest first."""
        sql = statement("profile_versions")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(**_named(entity), page=page))
        return tuple(version_of(entity, row) for row in rows)

    async def changes_of_run(self, run_id: UUID) -> list[ProfileChange]:
        """What one run published, by entity, each with the version it replaced."""
        sql = statement("profile_changes_of_run")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(run_id=run_id))
        changes: list[ProfileChange] = []
        before: ProfileVersion | None = None
        for row in rows:
            version = version_of(entity_of(row), row)
            if row["is_after"]:
                same = before is not None and before.entity == version.entity
                changes.append(ProfileChange(before=before if same else None, after=version))
            before = version
        return changes

    async def export(self, entity: Entity | None = None) -> AsyncGenerator[tuple[Entity, Attribute], None]:
        """Every stored attribute by entity and id, in one consistent view; `entity` narrows it."""
        sql = statement("profile_export")
        arguments = sql.bind(
            entity_type=None if entity is None else entity.type.value,
            entity_id=None if entity is None else entity.id,
        )
        async with self._database.transaction() as connection:
            async for row in connection.cursor(sql.text, *arguments, prefetch=_FETCH):
                yield entity_of(row), attribute_of(row)

    async def _add_batch(self, batch: Sequence[NewAttribute]) -> Added:
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", IMPORT_LOCK)
            sql = statement("profile_candidates")
            rows = await connection.fetch(
                sql.text,
                *sql.bind(
                    entity_types=[new.entity.type.value for new in batch],
                    entity_ids=[new.entity.id for new in batch],
                    categories=[new.category for new in batch],
                    keys=[new.key for new in batch],
                ),
            )
            fresh = without_known(batch, rows)
            if fresh:
                sql = statement("profile_add")
                await connection.execute(
                    sql.text,
                    *sql.bind(
                        entity_types=[new.entity.type.value for new in fresh],
                        entity_ids=[new.entity.id for new in fresh],
                        categories=[new.category for new in fresh],
                        keys=[new.key for new in fresh],
                        values=[json.dumps(new.value, ensure_ascii=False, allow_nan=False) for new in fresh],
                        confidences=[new.confidence for new in fresh],
                        sources=[new.source for new in fresh],
                        message_ids=[new.source_message_id for new in fresh],
                        updated_ats=[new.updated_at for new in fresh],
                        pinned=[new.pinned for new in fresh],
                    ),
                )
        return Added(len(fresh), len(batch) - len(fresh))

    async def _read(self, entities: Sequence[Entity]) -> dict[Entity, FoundProfile]:
        sql = statement("profile_read")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(**_all_named(entities)))
        return {entity_of(row): found_of(row) for row in rows}

    async def _attributes(self, entities: Sequence[Entity]) -> dict[Entity, list[Attribute]]:
        sql = statement("profile_attributes")
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.text, *sql.bind(**_all_named(entities)))
        by_name: dict[tuple[str, str], list[Attribute]] = {}
        for row in rows:
            by_name.setdefault((row["entity_type"], row["entity_id"]), []).append(attribute_of(row))
        return {Entity(EntityType(kind), id_): found for (kind, id_), found in by_name.items()}


def _as_stored(entity: Entity) -> Entity:
    return Entity(entity.type, entity.id.strip().lower())


def _all_named(entities: Sequence[Entity]) -> dict[str, list[str]]:
    """Binds of several entities, each once."""
    stored = {_as_stored(entity): None for entity in entities}
    return {
        "entity_types": [entity.type.value for entity in stored],
        "entity_ids": [entity.id for entity in stored],
    }


def _named(entity: Entity) -> dict[str, str]:
    """Binds of an entity, as it is stored."""
    return {"entity_type": entity.type.value, "entity_id": entity.id.strip().lower()}
