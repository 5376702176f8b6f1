"""Profiles and memories on a real database: what is pressed is stored and audited, and two consoles agree."""

from uuid import UUID, uuid4

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.screens.commanding import obey
from bawt_console.screens.run import RunScreen
from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive
from scheduler_core.db.profile_history import ProfileHistory
from scheduler_core.db.profile_store import ProfileStore
from tests.console.pilots import MEDIUM, memories_of, opened, picture, profile_of, toasts, until
from tests.console.test_people import go_to_memories, question
from tests.console.test_two_consoles import console
from tests.db.memories import add, add_fresh, dump, fetch
from tests.db.test_memory_archive import group
from tests.db.test_profile_history import ADA, know, publish
from tests.db.test_roles import ROLES


async def audited(database: Database) -> list[tuple[str, str, str]]:
    rows = await fetch(database, "SELECT actor, action, object_id FROM operator_actions ORDER BY id")
    return [(row["actor"], row["action"], row["object_id"]) for row in rows]


async def two_versions(database: Database) -> list[int]:
    """user/ada with two summaries; the ids of what is known of her."""
    ids = await know(ProfileStore(database), ADA, "tea", "chess")
    await publish(database, ADA, "Ada likes tea.")
    await publish(database, ADA, "Ada plays chess and likes tea.")
    return ids


async def look_at_ada(pilot: "Pilot[int]", pane: str) -> ConsoleApp:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.press("5")
    await until(pilot, lambda: app.current_mode == "profiles" and "user/ada" in picture(app), "the profiles")
    await pilot.press("enter")
    await until(pilot, lambda: "rests on" in picture(app), "the profile")
    while profile_of(app).panes.chosen != pane:
        await pilot.press("right")
    await until(pilot, lambda: profile_of(app).is_idle, pane)
    return app


async def test_rolling_back_is_stored_and_audited_and_its_run_can_be_opened(
    database: Database, database_url: str
) -> None:
    await two_versions(database)
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await look_at_ada(pilot, "Versions")
        await until(pilot, lambda: "+ Ada plays chess and likes tea." in picture(app), "the difference")
        await pilot.press("down")
        await until(pilot, lambda: profile_of(app).is_idle, "the version")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        assert "version 2 → version 1" in picture(app)
        await pilot.press("y")
        told = ["user/ada says again what version 1 said; this is version 3."]
        await until(pilot, lambda: toasts(app) == told, "the notice")
        await until(pilot, lambda: len(profile_of(app).versions.rows) == 3, "the new version")
        await pilot.press("home", "o")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
    assert await ProfileStore(database).summary(ADA) == "Ada likes tea."
    assert await audited(database) == [("ada", "rollback", "user/ada")]


async def test_a_rollback_that_comes_second_is_refused_and_says_so(
    database: Database, database_url: str
) -> None:
    await two_versions(database)
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await look_at_ada(pilot, "Versions")
        await pilot.press("down")
        await until(pilot, lambda: profile_of(app).is_idle, "the version")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        # Another console is faster.
        await ProfileHistory(database).rollback(ADA, 1, actor="ben", newest=2)
        await pilot.press("y")
        await until(pilot, lambda: "at version 3 by now, not at 2." in str(toasts(app)), "the refusal")
        await until(pilot, lambda: len(profile_of(app).versions.rows) == 3, "what the other one did")
    assert await audited(database) == [("ben", "rollback", "user/ada")]


async def test_pinning_is_stored_and_audited_and_the_second_one_is_told(
    database: Database, database_url: str
) -> None:
    first, _ = await two_versions(database)
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await look_at_ada(pilot, "Attributes")
        assert profile_of(app).attributes.find(first)
        await pilot.press("f")
        await ProfileHistory(database).pin(ADA, first, pinned=True, actor="ben")
        await pilot.press("P")
        await until(pilot, lambda: "pinned already" in str(toasts(app)), "the refusal")
        await until(pilot, lambda: "▲ pinned" in picture(app), "what the other one did")
        await pilot.press("f", "U")
        await until(pilot, lambda: "Unpinned" in str(toasts(app)), "the notice")
    assert await audited(database) == [("ben", "pin", "user/ada"), ("ada", "unpin", "user/ada")]


async def test_a_summary_published_meanwhile_shows_at_once(database: Database, database_url: str) -> None:
    await two_versions(database)
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await look_at_ada(pilot, "Summary")
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        await publish(database, ADA, "Ada has a cat.")
        await until(pilot, lambda: "Ada has a cat." in picture(app), "the new summary")


async def faded(database: Database, *names: str) -> UUID:
    await add_fresh(database, 150)
    for name in names:
        await add(database, f"text of {name}", id_=name, importance=0.0, idle_days=2000)
    run = uuid4()
    await MemoryArchive(database).decay("nova", run_id=run)
    return run


async def test_restoring_is_stored_and_audited(database: Database, database_url: str) -> None:
    await faded(database, "old")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "archived")
        assert "half-lives" in picture(app)
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        assert "text of old" in picture(app)
        await pilot.press("y")
        await until(pilot, lambda: toasts(app) == ["Brought back 1 memory of nova: old."], "the notice")
        await until(pilot, lambda: "No memory was archived." in picture(app), "the empty list")
        obey(memories_of(app), "open memory:nova/old")
        await until(pilot, lambda: "It was brought back within" in picture(app), "its shield")
    assert await audited(database) == [("ada", "restore", "nova/old")]


async def test_marked_memories_come_back_and_what_another_console_took_is_left_out(
    database: Database, database_url: str
) -> None:
    await faded(database, "a", "b", "c")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "archived")
        await pilot.press("asterisk", "B")
        await until(pilot, lambda: question(app), "the question")
        assert "Bring back 3 memories?" in picture(app)
        # Another console is faster with one of them.
        await MemoryArchive(database).restore("nova", "b", actor="ben")
        await pilot.press("y")
        told = ["Brought back 2 memories. Left out 1: nova/b is not in the archive."]
        await until(pilot, lambda: toasts(app) == told, "the number")
    assert await audited(database) == [
        ("ben", "restore", "nova/b"),
        ("ada", "restore", "nova/a"),
        ("ada", "restore", "nova/c"),
    ]


async def test_a_question_about_what_is_gone_is_not_asked(database: Database, database_url: str) -> None:
    await faded(database, "old")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "archived")
        await pilot.press("f")
        await MemoryArchive(database).restore("nova", "old", actor="ben")
        await pilot.press("B")
        await until(pilot, lambda: "is not in the archive any more." in str(toasts(app)), "the reason")
        assert not question(app)


async def test_a_merge_is_taken_apart_byte_for_byte(database: Database, database_url: str) -> None:
    for name in ("stays", "m1", "m2"):
        await add(database, f"text of {name}", id_=name)
    before = await dump(database)
    await MemoryArchive(database).merge("nova", [await group(database, "stays", "m1", "m2")], run_id=uuid4())
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "merged")
        await until(pilot, lambda: "3 memories became one" in picture(app), "the lineage")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        assert "2 memories of that merge" in picture(app)
        await pilot.press("y")
        await until(pilot, lambda: "Brought back 2 memories of nova: m1, m2." in toasts(app), "the notice")
    assert await dump(database) == before


async def test_a_merge_of_two_is_spoken_of_in_the_singular(database: Database, database_url: str) -> None:
    for name in ("stays", "m1"):
        await add(database, f"text of {name}", id_=name)
    await MemoryArchive(database).merge("nova", [await group(database, "stays", "m1")], run_id=uuid4())
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "merged")
        await until(pilot, lambda: "2 memories became one" in picture(app), "the lineage")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        # What lies beside the question stands between its lines.
        assert "1 memory of that merge comes" in picture(app)
        assert "back as it was, and is kept apart" in picture(app)


async def test_what_another_console_brings_back_leaves_the_list(
    database: Database, database_url: str
) -> None:
    await faded(database, "old", "older")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "archived")
        await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
        assert len(memories_of(app).table.rows) == 2
        await MemoryArchive(database).restore("nova", "older", actor="ben")
        await until(pilot, lambda: len(memories_of(app).table.rows) == 1, "what is left")


async def test_a_run_that_was_deleted_is_a_sentence(database: Database, database_url: str) -> None:
    await faded(database, "old")
    async with opened(console(database_url, "ada"), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "archived")
        await pilot.press("o")
        await until(pilot, lambda: "There is no run" in str(toasts(app)), "the sentence")


@pytest.mark.parametrize(("key", "place"), [("5", "profiles"), ("6", "memories")])
async def test_who_may_not_read_of_people_is_told_so_for_as_long_as_that_holds(
    database: Database, database_url: str, key: str, place: str
) -> None:
    async with database.connection() as owner:
        await owner.execute(ROLES)
    viewer = console(f"{database_url}&role=bawt_viewer", "ada")
    async with opened(viewer, MEDIUM) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: "may not read these tables" in picture(viewer), "the reason")
        viewer.clear_notifications()
        await pilot.pause()
        assert viewer.current_mode == place
        assert not toasts(viewer)
        assert "may not read these tables" in picture(viewer)
        assert "bawt_people" in picture(viewer)
