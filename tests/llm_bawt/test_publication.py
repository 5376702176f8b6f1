"""Summaries of the copies for the service, and the way back, which takes nothing that the service wrote."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from scheduler_core.db.connect import Address, Connection
from scheduler_core.db.database import Database
from scheduler_core.db.forgetting import Forgetting
from scheduler_core.db.llm_bawt import publication
from scheduler_core.db.llm_bawt.adoption import adopt, held_copies, undo_adoption, within
from scheduler_core.db.llm_bawt.copies import SCHEMA
from scheduler_core.db.llm_bawt.publication import (
    Change,
    Publication,
    TakenBack,
    plan_publication,
    plan_taking_back,
    publish,
    unpublish,
)
from scheduler_core.db.operations import Operations
from scheduler_core.db.operator_log import OperatorLog
from scheduler_core.domain import Entity, EntityType
from scheduler_core.errors import DatabaseError, StateError
from tests.command_line.program import Program
from tests.llm_bawt.whole import content, execute

ADA, GRACE = Entity(EntityType.USER, "ada"), Entity(EntityType.USER, "grace")
NOVA = Entity(EntityType.BOT, "nova")
OURS = {ADA: "Ada lives in Leipzig.", NOVA: "Nova is dry."}
LATER = "Ada lives in Leipzig and drinks green tea."
THEIRS = "He is a beekeeper of Leipzig."
PERSONAL = ("Leipzig", "beekeeper", "Nova is dry", "sails")


async def summarise(url: str, summaries: dict[Entity, str]) -> None:
    """What maintenance leaves in the copies."""
    connection = await asyncpg.connect(url)
    for entity, summary in summaries.items():
        await connection.execute(
            f"UPDATE {SCHEMA}.entity_profiles SET summary = $3, summary_updated_at = now()"
            " WHERE entity_type = $1 AND entity_id = $2",
            entity.type.value,
            entity.id,
            summary,
        )
    await connection.close()


async def adopted(url: str) -> Address:
    """The service's database with copies of which two have a summary of ours."""
    address = Address.parse(url)
    await adopt(address)
    await summarise(url, OURS)
    return address


async def give(address: Address) -> Publication:
    return await publish(address, actor="ada@attic")


async def take_back(address: Address) -> TakenBack:
    return await unpublish(address, actor="ada@attic")


async def rewrite(url: str, entity: Entity, summary: str) -> None:
    """What the service's own maintenance does, whose times are in UTC."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET timezone = 'UTC'")
    await connection.execute(
        "UPDATE entity_profiles SET summary = $2, summary_updated_at = now(), updated_at = now()"
        " WHERE entity_id = $1",
        entity.id,
        summary,
    )
    await connection.close()


async def stored(url: str, entity: Entity) -> tuple[str | None, datetime | None]:
    """The service's summary and its time, read as the service reads it."""
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(
        "SELECT summary, summary_updated_at FROM entity_profiles WHERE entity_id = $1", entity.id
    )
    await connection.close()
    assert row is not None
    at: datetime | None = row["summary_updated_at"]
    return row["summary"], at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


async def copied(url: str, entity: Entity, column: str) -> object:
    connection = await asyncpg.connect(url)
    found: object = await connection.fetchval(
        f"SELECT {column} FROM {SCHEMA}.entity_profiles WHERE entity_id = $1", entity.id
    )
    await connection.close()
    return found


async def test_a_dry_run_names_and_counts_and_writes_nothing(service_url: str) -> None:
    address = await adopted(service_url)
    before = content(service_url)
    assert await plan_publication(address) == Publication(
        given=(
            Change(entity=ADA, before=18, after=len(OURS[ADA])),
            Change(entity=NOVA, before=None, after=len(OURS[NOVA])),
        ),
        same=0,
        unwritten=1,
        missing=(),
        moved=(),
    )
    assert content(service_url) == before


async def test_summaries_are_written_with_their_time_in_every_release_and_nothing_else_is(
    service_url: str,
) -> None:
    address = await adopted(service_url)
    planned = await plan_publication(address)
    before = content(service_url, "--exclude-schema", SCHEMA)
    assert await give(address) == planned
    for entity, summary in OURS.items():
        assert await stored(service_url, entity) == (
            summary,
            await copied(service_url, entity, "summary_updated_at"),
        )
    # All but the two columns of the two rows.
    await execute(
        service_url,
        "UPDATE entity_profiles p SET summary = b.summary_before, summary_updated_at = b.updated_before"
        f" FROM {SCHEMA}.{publication.TABLE} b WHERE b.service_id = p.id",
    )
    assert content(service_url, "--exclude-schema", SCHEMA) == before


async def test_publishing_again_changes_nothing(service_url: str) -> None:
    address = await adopted(service_url)
    await give(address)
    before = content(service_url)
    again = Publication(given=(), same=2, unwritten=1, missing=(), moved=())
    assert await plan_publication(address) == again
    assert await give(address) == again
    assert content(service_url) == before


@pytest.mark.parametrize("through", ["unpublish", "undo"])
async def test_the_way_back_leaves_the_database_as_it_was(service_url: str, through: str) -> None:
    before = content(service_url)
    address = await adopted(service_url)
    await give(address)
    await summarise(service_url, {ADA: LATER})
    await give(address)
    expected = TakenBack(
        put_back=(
            Change(entity=ADA, before=len(LATER), after=18),
            Change(entity=NOVA, before=len(OURS[NOVA]), after=None),
        ),
        left=(),
        gone=(),
    )
    published = content(service_url)
    assert await plan_taking_back(address) == expected
    planned = await held_copies(address)
    assert planned.taken_back == expected
    assert content(service_url) == published
    if through == "unpublish":
        assert await take_back(address) == expected
        assert content(service_url, "--exclude-schema", SCHEMA) == before
        assert (await undo_adoption(address)).taken_back is None
    else:
        assert await undo_adoption(address) == planned
    assert content(service_url) == before


@pytest.mark.parametrize("through", ["unpublish", "undo"])
async def test_what_the_service_wrote_since_stays(service_url: str, through: str) -> None:
    address = await adopted(service_url)
    await give(address)
    await rewrite(service_url, ADA, THEIRS)
    written = await stored(service_url, ADA)
    expected = TakenBack(
        put_back=(Change(entity=NOVA, before=len(OURS[NOVA]), after=None),), left=(ADA,), gone=()
    )
    assert await plan_taking_back(address) == expected
    if through == "unpublish":
        assert await take_back(address) == expected
    else:
        assert (await undo_adoption(address)).taken_back == expected
    assert await stored(service_url, ADA) == written
    assert await stored(service_url, NOVA) == (None, None)


async def test_a_service_that_only_moved_the_time_has_written_no_other_summary(service_url: str) -> None:
    address = await adopted(service_url)
    before = await stored(service_url, ADA)
    await give(address)
    await execute(service_url, "UPDATE entity_profiles SET summary_updated_at = NULL WHERE entity_id = 'ada'")
    assert (await take_back(address)).left == ()
    assert await stored(service_url, ADA) == before


async def test_what_the_service_wrote_between_two_publications_is_put_back(service_url: str) -> None:
    address = await adopted(service_url)
    await give(address)
    await rewrite(service_url, ADA, THEIRS)
    written = await stored(service_url, ADA)
    done = await give(address)
    assert done.given == (Change(entity=ADA, before=len(THEIRS), after=len(OURS[ADA])),)
    await take_back(address)
    assert await stored(service_url, ADA) == written


async def test_a_summary_does_not_claim_what_the_service_learned_after_the_copies(service_url: str) -> None:
    address = await adopted(service_url)
    await execute(
        service_url,
        "SET timezone = 'UTC';"
        "UPDATE entity_profile_attributes SET updated_at = clock_timestamp() WHERE key = 'tea'",
    )
    [ada, nova] = (await give(address)).given
    assert (ada.is_behind, nova.is_behind) == (True, False)
    _, at = await stored(service_url, ADA)
    assert at == await copied(service_url, ADA, "created_at")
    connection = await asyncpg.connect(service_url)
    await connection.execute("SET timezone = 'UTC'")
    assert await connection.fetchval(
        "SELECT a.updated_at > p.summary_updated_at FROM entity_profiles p"
        " JOIN entity_profile_attributes a USING (entity_type, entity_id) WHERE a.key = 'tea'"
    )
    await connection.close()


async def test_a_row_that_vanished_is_not_made_again(service_url: str) -> None:
    address = await adopted(service_url)
    await execute(service_url, "DELETE FROM entity_profiles WHERE entity_id = 'ada'")
    assert (await plan_publication(address)).missing == (ADA,)
    done = await give(address)
    assert ([change.entity for change in done.given], done.missing) == ([NOVA], (ADA,))
    await execute(service_url, "DELETE FROM entity_profiles WHERE entity_id = 'nova'")
    assert await take_back(address) == TakenBack(put_back=(), left=(), gone=(NOVA,))
    connection = await asyncpg.connect(service_url)
    assert await connection.fetchval("SELECT array_agg(entity_id::text) FROM entity_profiles") == ["grace"]
    await connection.close()


@asynccontextmanager
async def in_transaction(url: str, sql: str) -> AsyncIterator[Connection]:
    """Somebody else's transaction, such as the service's, that has begun with this and goes on."""
    connection = await asyncpg.connect(url)
    await connection.execute("BEGIN; SET LOCAL timezone = 'UTC';" + sql)
    yield connection
    await connection.close()


async def until_waiting(url: str) -> None:
    """Until the program waits for a lock; nothing announces that moment."""
    await until(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {ours}")


async def until_gone(url: str) -> None:
    """Until the server has noticed that the program is no more."""
    await until(url, "SELECT count(*) = 0 FROM pg_stat_activity WHERE {ours}")


async def until(url: str, question: str) -> None:
    ours = "datname = current_database() AND application_name = 'bawt adopt'"
    connection = await asyncpg.connect(url)
    while not await connection.fetchval(question.format(ours=ours)):  # noqa: ASYNC110 - see the callers
        await asyncio.sleep(0)
    await connection.close()


WRITING = (
    f"UPDATE entity_profiles SET summary = '{THEIRS}', summary_updated_at = now() WHERE entity_id = 'ada';"
)


async def test_what_the_service_is_writing_is_waited_for_and_not_overwritten(service_url: str) -> None:
    address = await adopted(service_url)
    async with in_transaction(service_url, WRITING) as service:
        publishing = asyncio.ensure_future(give(address))
        await until_waiting(service_url)
        await service.execute("COMMIT")
        done = await publishing
    assert ([change.entity for change in done.given], done.moved) == ([NOVA], (ADA,))
    assert (await stored(service_url, ADA))[0] == THEIRS
    assert [change.entity for change in (await plan_taking_back(address)).put_back] == [NOVA]


async def test_a_service_that_writes_something_else_of_the_row_loses_nothing(service_url: str) -> None:
    address = await adopted(service_url)
    async with in_transaction(
        service_url, "UPDATE entity_profiles SET color = '#123456' WHERE entity_id = 'ada';"
    ) as service:
        publishing = asyncio.ensure_future(give(address))
        await until_waiting(service_url)
        await service.execute("COMMIT")
        assert (await publishing).moved == ()
    connection = await asyncpg.connect(service_url)
    row = await connection.fetchrow("SELECT summary, color FROM entity_profiles WHERE entity_id = 'ada'")
    assert row is not None
    assert tuple(row) == (OURS[ADA], "#123456")
    await connection.close()


async def test_taking_back_waits_for_the_service_and_leaves_what_it_wrote(service_url: str) -> None:
    address = await adopted(service_url)
    await give(address)
    async with in_transaction(service_url, WRITING) as service:
        taking_back = asyncio.ensure_future(take_back(address))
        await until_waiting(service_url)
        await service.execute("COMMIT")
        assert (await taking_back).left == (ADA,)
    assert (await stored(service_url, ADA))[0] == THEIRS


async def test_nobody_waits_for_ever(one_service_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publication, "PATIENCE", 0.05)
    address = await adopted(one_service_url)
    before = content(one_service_url)
    async with in_transaction(one_service_url, WRITING):
        with pytest.raises(StateError, match=r"Somebody has been writing .* Nothing was changed"):
            await give(address)
    assert content(one_service_url) == before


async def test_two_at_once_come_one_after_the_other(one_service_url: str) -> None:
    address = await adopted(one_service_url)
    first, second = await asyncio.gather(give(address), give(address))
    assert sorted((len(first.given), len(second.given))) == [0, 2]
    one, other = await asyncio.gather(take_back(address), take_back(address), return_exceptions=True)
    taken, refused = (one, other) if isinstance(other, StateError) else (other, one)
    assert isinstance(taken, TakenBack)
    assert len(taken.put_back) == 2
    assert "No summary was given" in str(refused)


@pytest.mark.parametrize("option", ["--publish", "--unpublish"])
async def test_one_that_was_killed_half_way_has_changed_nothing(program: Program, option: str) -> None:
    assert program.url is not None
    address = await adopted(program.url)
    if option == "--unpublish":
        await give(address)
    before = content(program.url)
    # Its last step is to record what it did; everything else is done by then, and nothing is committed.
    async with in_transaction(program.url, f"LOCK TABLE {SCHEMA}.operator_actions IN SHARE MODE") as other:
        process = program.start("adopt", option)
        await until_waiting(program.url)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await execute(
                program.url, "SELECT FROM entity_profiles WHERE entity_id = 'ada' FOR UPDATE NOWAIT"
            )
        process.kill()
        await asyncio.to_thread(process.communicate)
        await other.execute("ROLLBACK")
    await until_gone(program.url)
    assert content(program.url) == before


@pytest.fixture
def viewer(one_service_url: str) -> Iterator[str]:
    """A role that may look at everything in the database, once it is adopted, and change nothing."""
    name = f"viewer_{secrets.token_hex(4)}"

    def run(sql: str) -> None:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(execute(one_service_url, sql))

    run(f"CREATE ROLE {name} IN ROLE pg_read_all_data")
    yield name
    run(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize("act", [publish, unpublish])
async def test_who_may_only_look_is_refused_in_a_sentence(
    one_service_url: str, viewer: str, act: object
) -> None:
    address = await adopted(one_service_url)
    if act is unpublish:
        await give(address)
    before = content(one_service_url)
    sign = "&" if "?" in one_service_url else "?"
    looking = Address.parse(f"{one_service_url}{sign}options=-crole%3D{viewer}")
    reading = Address.parse(f"{one_service_url}{sign}options=-cdefault_transaction_read_only%3Don")
    work = give if act is publish else take_back
    with pytest.raises(DatabaseError, match=r"database user may not do this .* Ask for a role"):
        await work(looking)
    with pytest.raises(DatabaseError, match=r"This session is read-only\."):
        await work(reading)
    assert content(one_service_url) == before
    # Looking at what would be done is looking.
    for each in (looking, reading):
        assert len((await plan_publication(each)).given) == (2 if act is publish else 0)


async def test_nothing_is_published_where_there_is_nothing_to_publish(
    one_service_url: str, database_url: str
) -> None:
    address = Address.parse(one_service_url)
    for act in (give, plan_publication):
        with pytest.raises(StateError, match=r"not adopted\. Adopt it first"):
            await act(address)
        with pytest.raises(StateError, match="not adopted"):
            await act(Address.parse(database_url))
    await adopt(address)
    assert await give(address) == Publication(given=(), same=0, unwritten=3, missing=(), moved=())
    for take in (take_back, plan_taking_back):
        with pytest.raises(StateError, match="No summary was given to the service"):
            await take(address)


async def test_the_address_of_the_copies_is_not_taken_for_the_services(one_service_url: str) -> None:
    address = await adopted(one_service_url)
    await give(address)
    before = content(one_service_url)
    for act in (give, plan_publication, take_back, plan_taking_back, held_copies, undo_adoption):
        with pytest.raises(StateError, match="leads to the copies"):
            await act(within(address))
    assert content(one_service_url) == before


async def test_a_release_without_a_place_for_summaries_is_refused(one_service_url: str) -> None:
    address = await adopted(one_service_url)
    await execute(one_service_url, "ALTER TABLE entity_profiles DROP COLUMN summary_updated_at")
    with pytest.raises(StateError, match="no place for a summary"):
        await give(address)


async def test_nobody_is_forgotten_while_the_service_holds_our_summary(one_service_url: str) -> None:
    address = await adopted(one_service_url)
    await give(address)
    database = Database.open(within(address), pool_size=2, application="tests")
    forgetting = Forgetting(database, actor="ops")
    for act in (forgetting.look, forgetting.forget):
        with pytest.raises(StateError, match=r"of user/ada was given .* adopt --unpublish"):
            await act(ADA)
    # Grace has no summary of ours.
    assert (await forgetting.look(GRACE)).counts["attributes"] == 1
    await take_back(address)
    assert (await forgetting.forget(ADA)).known.counts["profiles"] == 1
    await database.aclose()


async def test_the_record_of_what_people_did_says_who_and_how_many(one_service_url: str) -> None:
    address = await adopted(one_service_url)
    await give(address)
    await give(address)
    await take_back(address)
    database = Database.open(within(address), pool_size=2, application="tests")
    log = OperatorLog(database, Operations(database, actor="tests"), actor="tests")
    newest, before = await log.actions()
    await database.aclose()
    assert [(each.action, each.actor, each.details) for each in (before, newest)] == [
        ("publish", "ada@attic", {"summaries": 2, "left": 0}),
        ("unpublish", "ada@attic", {"summaries": 2, "left": 0}),
    ]
    assert "--unpublish" in (before.obstacle or "")


def test_what_maintenance_wrote_reaches_the_service_and_no_text_reaches_the_terminal(
    program: Program,
) -> None:
    assert program.url is not None
    before = content(program.url)
    made = program.run("adopt", "--json")
    copies = made.objects[0]["database_url"]
    assert program.run("--no-ui", "--once", "--database-url", copies).code == 0
    planned = program.run("adopt", "--publish", "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert "Would give 3 summaries to the service" in planned.out
    assert "user/ada: " in planned.out
    assert " characters in place of 18 characters" in planned.out
    assert "Nothing was written. Do it with: bawt-console adopt --publish" in planned.out
    given = program.run("adopt", "--publish", "--json")
    assert (given.code, given.objects[0]["done"]) == (0, True)
    assert [each["entity"] for each in given.objects[0]["given"]] == ["user/ada", "user/grace", "bot/nova"]
    assert "3 more profiles of the service have ours already" in program.run("adopt", "--publish").out
    summary, _ = asyncio.run(stored(program.url, ADA))
    assert summary is not None
    assert "Leipzig" in summary
    asyncio.run(rewrite(program.url, GRACE, "Grace sails."))
    undoing = program.run("adopt", "--undo", "--dry-run")
    assert "Would take 2 summaries back" in undoing.out
    assert "left, because the service has written another summary since: user/grace" in undoing.out
    back = program.run("adopt", "--unpublish")
    assert (back.code, back.err) == (0, "")
    assert "user/ada: 18 characters in place of" in back.out
    nothing = program.run("adopt", "--unpublish", "--dry-run")
    assert (nothing.code, nothing.out) == (2, "")
    assert "No summary was given to the service." in nothing.err
    undone = program.run("adopt", "--undo", "--json")
    assert undone.objects[0]["taken_back"] is None
    printed = [planned, given, undoing, back, nothing, undone]
    assert not any(word in done.out + done.err for done in printed for word in PERSONAL)
    changed = [line for line in content(program.url).splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert "grace" in changed[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("adopt", "--publish", "--undo"), "one at a time"),
        (("--read-only", "adopt", "--publish"), "go without a sub-command"),
    ],
    ids=["two ways", "read-only"],
)
def test_what_does_not_go_together_is_refused(
    program: Program, arguments: tuple[str, ...], told: str
) -> None:
    done = program.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
