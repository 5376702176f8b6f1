"""How a summary goes live: versions, drafts, what undo needs, and the end of what was deleted.

Functions over a connection that is inside the caller's transaction; nothing here commits. Profiles are locked
before anything is read that they decide on.
"""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from scheduler_core.db.connect import Connection
from scheduler_core.db.profile_rows import Draft, Planned, Publication, entity_of, sentence_json
from scheduler_core.db.statement import statement
from scheduler_core.db.text import storable
from scheduler_core.domain import Entity, ProfileVersion
from scheduler_core.errors import StateError

__all__ = ["begin_change", "end_change", "keep_foreign", "lock", "moved", "write", "write_drafts"]

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
    connection: Connection, planned: Mapping[int, Planned], *, run_id: UUID | None
) -> dict[int, ProfileVersion | None]:
    """Publishes or confirms summaries of locked profiles, by id: as few statements for many as for one.

    Returns:
        The profiles that were as planned, each with the version that was published. If one is missing, the
        caller must roll back.
    """
    changed = {id_: one.publication for id_, one in planned.items() if one.is_changed}
    foreign = await keep_foreign(connection, list(changed)) if changed else {}
    await begin_change(connection, list(planned), run_id=run_id)
    live = await _go_live(connection, planned)
    written: dict[int, ProfileVersion | None] = {}
    if changed:
        numbers = {id_: new.after_version + (2 if id_ in foreign else 1) for id_, new in changed.items()}
        written |= await _add_versions(connection, changed, numbers, run_id)
    if len(changed) < len(planned):
        confirmed = {id_: one.publication for id_, one in planned.items() if not one.is_changed}
        written |= await _confirmed(connection, confirmed)
    if live.keys() != planned.keys() or written.keys() != planned.keys():
        return {id_: version for id_, version in written.items() if id_ in live}
    await end_change(connection, list(planned), run_id=run_id)
    for id_, must_redact in live.items():
        if planned[id_].drafts:
            await write_drafts(
                connection, planned[id_].publication.entity, planned[id_].drafts, run_id=run_id
            )
        if must_redact:
            redact = statement("profile_redact")
            await connection.execute(redact.text, *redact.bind(profile_id=id_))
    return written


async def keep_foreign(connection: Connection, profile_ids: Sequence[int]) -> dict[int, int]:
    """Makes versions of live summaries that came from elsewhere; their numbers by profile."""
    sql = statement("profile_keep_foreign")
    rows = await connection.fetch(sql.text, *sql.bind(profile_ids=list(profile_ids)))
    return {row["profile_id"]: row["version"] for row in rows}


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


async def _go_live(connection: Connection, planned: Mapping[int, Planned]) -> dict[int, bool]:
    """Whether deleted attributes are still quoted somewhere, for each profile that did not move."""
    sql = statement("profile_publish")
    publications = [one.publication for one in planned.values()]
    rows = await connection.fetch(
        sql.text,
        *sql.bind(
            profile_ids=list(planned),
            revisions=[new.revision for new in publications],
            summaries=[new.summary for new in publications],
            models=[new.model for new in publications],
            recipes=[new.recipe for new in publications],
            display_names=[new.display_name for new in publications],
            text_changed=[one.is_changed for one in planned.values()],
        ),
    )
    return {row["id"]: row["must_redact"] for row in rows}


async def _add_versions(
    connection: Connection,
    changed: Mapping[int, Publication],
    numbers: Mapping[int, int],
    run_id: UUID | None,
) -> dict[int, ProfileVersion | None]:
    details = {id_: _details(new) for id_, new in changed.items()}
    sql = statement("profile_add_version")
    rows = await connection.fetch(
        sql.text,
        *sql.bind(
            run_id=run_id,
            profile_ids=list(changed),
            versions=[numbers[id_] for id_ in changed],
            summaries=[new.summary or "" for new in changed.values()],
            sentences=[
                json.dumps([sentence_json(one) for one in new.sentences], ensure_ascii=False)
                for new in changed.values()
            ],
            revisions=[new.revision for new in changed.values()],
            models=[new.model for new in changed.values()],
            details=[json.dumps(details[id_], ensure_ascii=False) for id_ in changed],
        ),
    )
    return {
        row["profile_id"]: ProfileVersion(
            entity=new.entity,
            version=row["version"],
            run_id=run_id,
            created_at=row["created_at"],
            summary=new.summary or "",
            sentences=new.sentences,
            revision=new.revision,
            model=new.model,
            details=details[row["profile_id"]],
        )
        for row in rows
        for new in (changed[row["profile_id"]],)
    }


async def _confirmed(
    connection: Connection, confirmed: Mapping[int, Publication]
) -> dict[int, ProfileVersion | None]:
    """Those of which nobody published another version."""
    sql = statement("profile_latest")
    rows = await connection.fetch(sql.text, *sql.bind(profile_ids=list(confirmed)))
    return {row["id"]: None for row in rows if row["version"] == confirmed[row["id"]].after_version}


def _details(new: Publication) -> dict[str, object]:
    details = dict(new.details)
    if new.display_name is not None:
        # So that the name goes when the attribute it came from does.
        details["display_name"] = new.display_name
    return details
