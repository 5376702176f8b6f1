"""How a summary goes live: versions, drafts, what undo needs, and the end of what was deleted.

Functions over a connection that is inside the caller's transaction; nothing here commits. Profiles are locked
before anything is read that they decide on.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.profile_rows import Draft, Planned, Publication, entity_of, sentence_json
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import Entity, ProfileVersion
from scheduler_core.errors import StateError

__all__ = ["begin_change", "end_change", "keep_foreign", "lock", "moved", "write", "write_drafts"]

_LATEST = "SELECT coalesce(max(version), 0) FROM entity_profile_versions WHERE profile_id = $1"
_NAMED = 5


def moved(entities: Sequence[Entity]) -> StateError:
    """What to tell whoever planned for a state that is gone."""
    names = ", ".join(map(str, entities[:_NAMED]))
    more = f" and {len(entities) - _NAMED} more" if len(entities) > _NAMED else ""
    word = "profile" if len(entities) == 1 else "profiles"
    return StateError(f"The {word} {names}{more} changed since this summary was planned.", "Plan it again.")


async def lock(connection: Connection, entities: Sequence[Entity]) -> dict[Entity, int]:
    """Locks the profiles there are and gives their ids."""
    sql = statement("profile_lock")
    rows = await connection.fetch(
        sql.text,
        *sql.bind(
            entity_types=[entity.type.value for entity in entities],
            entity_ids=[entity.id.strip().lower() for entity in entities],
        ),
    )
    return {entity_of(row): row["id"] for row in rows}


async def write(
    connection: Connection, planned: Planned, *, profile_id: int, run_id: UUID | None
) -> tuple[bool, ProfileVersion | None]:
    """Publishes or confirms one summary of a locked profile.

    Returns:
        Whether it was as planned, and the version that was published. If it was not, the caller must roll
        back.
    """
    new = planned.publication
    foreign = await keep_foreign(connection, profile_id) if planned.is_changed else None
    await begin_change(connection, [profile_id], run_id=run_id)
    must_redact = await _go_live(connection, new, text_changed=planned.is_changed)
    if must_redact is None:
        return False, None
    version = None
    if planned.is_changed:
        version = await _add_version(
            connection, new, profile_id, new.after_version + (1 if foreign is None else 2), run_id
        )
        if version is None:
            return False, None
    elif await connection.fetchval(_LATEST, profile_id) != new.after_version:
        return False, None
    await end_change(connection, [profile_id], run_id=run_id)
    if planned.drafts:
        await write_drafts(connection, new.entity, planned.drafts, run_id=run_id)
    if must_redact:
        redact = statement("profile_redact")
        await connection.execute(redact.text, *redact.bind(profile_id=profile_id))
    return True, version


async def keep_foreign(connection: Connection, profile_id: int) -> int | None:
    """Makes a version of a live summary that came from elsewhere; its number, or None if there was none."""
    sql = statement("profile_keep_foreign")
    number: int | None = await connection.fetchval(sql.text, *sql.bind(profile_id=profile_id))
    return number


async def begin_change(connection: Connection, profile_ids: Sequence[int], *, run_id: UUID | None) -> None:
    """Remembers how the profiles are before a run changes them; without a run there is nothing to undo."""
    if run_id is not None:
        sql = statement("profile_begin_change")
        await connection.execute(sql.text, *sql.bind(profile_ids=list(profile_ids), run_id=run_id))


async def end_change(connection: Connection, profile_ids: Sequence[int], *, run_id: UUID | None) -> None:
    """Remembers how they are afterwards."""
    if run_id is not None:
        sql = statement("profile_end_change")
        await connection.execute(sql.text, *sql.bind(profile_ids=list(profile_ids), run_id=run_id))


async def write_drafts(
    connection: Connection, entity: Entity, drafts: Sequence[Draft], *, run_id: UUID | None
) -> None:
    """Keeps what a model wrote and the verifier refused."""
    sql = statement("profile_add_drafts")
    await connection.execute(
        sql.text,
        *sql.bind(
            entity_type=entity.type.value,
            entity_id=entity.id.strip().lower(),
            run_id=run_id,
            categories=[draft.category for draft in drafts],
            drafts=[storable(draft.text) for draft in drafts],
            failures=[json.dumps(draft.failures) for draft in drafts],
            ids=[json.dumps(draft.attribute_ids) if draft.attribute_ids else None for draft in drafts],
        ),
    )


async def _go_live(connection: Connection, new: Publication, *, text_changed: bool) -> bool | None:
    """Whether deleted attributes are still quoted somewhere; None if the entity moved."""
    sql = statement("profile_publish")
    must_redact: bool | None = await connection.fetchval(
        sql.text,
        *sql.bind(
            entity_type=new.entity.type.value,
            entity_id=new.entity.id.strip().lower(),
            revision=new.revision,
            summary=new.summary,
            model=new.model,
            recipe=new.recipe,
            display_name=new.display_name,
            text_changed=text_changed,
        ),
    )
    return must_redact


async def _add_version(
    connection: Connection, new: Publication, profile_id: int, number: int, run_id: UUID | None
) -> ProfileVersion | None:
    details = dict(new.details)
    if new.display_name is not None:
        # So that the name goes when the attribute it came from does.
        details["display_name"] = new.display_name
    sql = statement("profile_add_version")
    row = await connection.fetchrow(
        sql.text,
        *sql.bind(
            profile_id=profile_id,
            version=number,
            run_id=run_id,
            summary=new.summary or "",
            sentences=json.dumps([sentence_json(one) for one in new.sentences], ensure_ascii=False),
            revision=new.revision,
            model=new.model,
            details=json.dumps(details, ensure_ascii=False),
        ),
    )
    if row is None:
        return None
    return ProfileVersion(
        entity=new.entity,
        version=row["version"],
        run_id=run_id,
        created_at=row["created_at"],
        summary=new.summary or "",
        sentences=new.sentences,
        revision=new.revision,
        model=new.model,
        details=details,
    )
