"""What the screens of profiles and memories show and how their keys work, on a source in memory."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from bawt_console.app import ConsoleApp
from bawt_console.paging import LONGEST_LIST, PAGE
from bawt_console.records import MemoryRow, MemoryState, ProfileRow
from bawt_console.screens.commanding import obey
from bawt_console.screens.dialogs import ConfirmScreen
from bawt_console.screens.profile import ProfileScreen
from bawt_console.screens.run import RunScreen
from scheduler_core.domain import MemoryFilter, ProfileFilter
from scheduler_core.errors import StateError
from tests.console.believable import ADA, NOW, World, believable_world
from tests.console.believable_people import user
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import (
    MEDIUM,
    NARROW,
    WIDE,
    memories_of,
    opened,
    picture,
    profile_of,
    profiles_of,
    run_of,
    toasts,
    until,
)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


async def go_to_profiles(pilot: "Pilot[int]") -> ConsoleApp:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.press("5")
    await until(pilot, lambda: app.current_mode == "profiles" and profiles_of(app).is_loaded, "the profiles")
    return app


async def go_to_ada(pilot: "Pilot[int]", pane: str = "Summary") -> ConsoleApp:
    app = await go_to_profiles(pilot)
    await pilot.press("down", "enter")
    await until(pilot, lambda: isinstance(app.screen, ProfileScreen) and app.screen.is_loaded, "user/ada")
    while profile_of(app).panes.chosen != pane:
        await pilot.press("right")
    await until(pilot, lambda: profile_of(app).is_idle, pane)
    return app


async def go_to_memories(pilot: "Pilot[int]", state: str = "active") -> ConsoleApp:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await pilot.press("6")
    await until(pilot, lambda: app.current_mode == "memories" and memories_of(app).is_loaded, "the memories")
    while memories_of(app).state != state:
        await pilot.press("right")
    await until(pilot, lambda: memories_of(app).is_loaded and memories_of(app).is_idle, state)
    return app


def question(app: ConsoleApp) -> bool:
    return isinstance(app.screen, ConfirmScreen)


# Profiles


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_profiles_show_their_state_in_words_at_every_width(
    source: FakeSource, size: tuple[int, int]
) -> None:
    async with opened(console_on(source), size) as pilot:
        shown = picture(await go_to_profiles(pilot))
        for words in (
            "✓ unchanged",
            "○ changed",
            "≈ suspicious",
            "‖ held",
            "· new",
            "user/ada",
            "7 profiles",
        ):
            assert words in shown


async def test_the_summary_of_the_chosen_profile_stands_below_the_list(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = await go_to_profiles(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "She has two daughters, Mila (7)" in picture(app), "the summary of ada")


async def test_a_filter_narrows_profiles_and_escape_brings_all_back(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        await pilot.press("slash", *"suspicious", "enter")
        await until(pilot, lambda: len(profiles_of(app).table.rows) == 1, "the one that is odd")
        await pilot.press("escape")
        await until(pilot, lambda: len(profiles_of(app).table.rows) == 7, "all of them")
        await pilot.press("slash", *"nobody", "enter")
        await until(pilot, lambda: "No profile matches the filter." in picture(app), "the notice")
        await pilot.press("escape")
        await until(pilot, lambda: len(profiles_of(app).table.rows) == 7, "all of them")


async def test_the_filter_suggests_states_and_types(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        suggest = profiles_of(app).filter_line.input.suggester
        assert suggest is not None
        assert await suggest.get_suggestion("state:su") == "state:suspicious"
        assert await suggest.get_suggestion("type:b") == "type:bot"


async def test_the_cursor_on_a_sentence_shows_what_it_rests_on(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = await go_to_ada(pilot)
        await until(
            pilot, lambda: "moved to Dresden in March 2026" in picture(app), "the first sentence's source"
        )
        assert "explicit · 0.90 · 2026-06-27 · message 8c1f51-2026" in picture(app)
        await pilot.press("down", "down")
        await until(
            pilot, lambda: "fact.allergy = allergic to penicillin" in picture(app), "the other sources"
        )
        shown = picture(app)
        assert "▲ pinned" in shown
        assert "fact.allergy = no penicillin" in shown
        assert "2 attributes" in shown


async def test_enter_on_a_sentence_goes_to_its_first_source(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot)
        await pilot.press("down", "enter")
        screen = profile_of(app)
        await until(pilot, lambda: screen.panes.chosen == "Attributes", "the attributes")
        selected = screen.attributes.selected
        assert selected is not None
        assert selected.id == 12


async def test_attributes_say_whether_the_summary_rests_on_them(source: FakeSource) -> None:
    async with opened(console_on(source), WIDE) as pilot:
        app = await go_to_ada(pilot, "Attributes")
        shown = picture(app)
        assert "▲ pinned" in shown
        assert "● cited" in shown
        assert "– left out  context.mood" in shown.replace("   ", "  ").replace("   ", "  ")


async def test_versions_are_compared_in_three_ways(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, "Versions")
        await until(pilot, lambda: "− Ada lives in Leipzig." in picture(app), "what version 15 changed")
        await pilot.press("down", "d")
        await until(pilot, lambda: "version 14 → 15" in picture(app), "the way to the live one")
        await pilot.press("d")
        await until(pilot, lambda: "version 15, live" in picture(app), "both side by side")
        await pilot.press("d")
        await until(pilot, lambda: "version 13 → 14" in picture(app), "what version 14 changed")


async def test_a_sentence_of_an_old_version_tells_what_became_of_its_sources(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, "Versions")
        await pilot.press("down", "down", "down", "tab", "end")
        await until(pilot, lambda: "[43] was deleted since" in picture(app), "the deleted source")
        await pilot.press("escape", "down", "tab", "end")
        await until(pilot, lambda: "! reads differently now" in picture(app), "the changed source")


@pytest.mark.parametrize(
    ("downs", "reason"),
    [
        (0, "Version 15 is live."),
        (3, "It rests on attributes that were deleted: [43]."),
        (4, "It rests on attributes that read differently now: [9]."),
    ],
)
async def test_a_version_that_cannot_come_back_says_why(source: FakeSource, downs: int, reason: str) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, "Versions")
        for _ in range(downs):
            await pilot.press("down")
        await until(pilot, lambda: profile_of(app).is_idle, "the version")
        await pilot.press("B")
        await until(pilot, lambda: reason in toasts(app), "the reason")
        assert not question(app)


async def test_rolling_back_names_everything_and_does_nothing_by_default(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, "Versions")
        await pilot.press("down", "down")
        await until(pilot, lambda: profile_of(app).is_idle, "the version")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        shown = picture(app)
        for words in ("Roll back to version 13?", "user/ada", "version 15 → version 13", "+1 −3 sentences"):
            assert words in shown
        assert "It becomes version 16" in shown
        await pilot.press("enter")
        await until(pilot, lambda: not question(app), "the profile")
        assert len(source.world.people.profiles[ADA].versions) == 5
        await pilot.press("B", "y")
        told = ["user/ada says again what version 13 said; this is version 16."]
        await until(pilot, lambda: toasts(app) == told, "the notice")
        await until(pilot, lambda: "‖ held" in picture(app), "the new state")
        assert source.world.people.profiles[ADA].versions[-1].summary.startswith("Ada lives in Leipzig.")


async def test_pinning_and_unpinning_are_two_intents(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, "Attributes")
        assert profile_of(app).attributes.find(63)
        await pilot.press("U")
        await until(pilot, lambda: toasts(app) == ["The attribute is not pinned."], "the refusal")
        await pilot.press("P")
        await until(pilot, lambda: "Pinned [63] context.mood" in str(toasts(app)), "the notice")
        await until(pilot, lambda: "unpin" in picture(app), "the other key")
        await pilot.press("U")
        await until(pilot, lambda: "Unpinned [63]" in str(toasts(app)), "the other notice")


async def test_refused_drafts_show_their_reasons_and_what_the_model_was_shown(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = await go_to_ada(pilot, "Drafts")
        await until(
            pilot, lambda: "✗ the answer leaves out a line that must be kept [7]" in picture(app), "why"
        )
        assert "fact.allergy = allergic to penicillin" in picture(app)
        await pilot.press("down")
        await until(pilot, lambda: "fact.location = Leipzig" in picture(app), "the other draft's lines")


@pytest.mark.parametrize("pane", ["Summary", "Versions", "Drafts"])
async def test_o_opens_the_run_that_made_it_and_escape_comes_back(source: FakeSource, pane: str) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, pane)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")
        assert run_of(app).run_id == next(iter(source.world.changes))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ProfileScreen), "the profile")


async def test_what_was_odd_about_a_summary_stands_above_it(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        obey(profiles_of(app), "open profile:user/jo")
        await until(pilot, lambda: "≈ the summary is 61 % shorter" in picture(app), "the doubt")
        assert "≈ suspicious" in picture(app)


async def test_a_summary_from_elsewhere_says_that_its_sources_are_not_known(source: FakeSource) -> None:
    known = source.world.people.profiles[ADA]
    known.row = replace(known.row, profile=replace(known.row.profile, summary="Ada is a friend.\nShe sings."))
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot)
        shown = picture(app)
        assert "This summary came from elsewhere" in shown
        assert "She sings." in shown
        assert "Its sources are not known." in shown


async def test_a_profile_without_a_summary_says_what_makes_one(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        obey(profiles_of(app), "open profile:user/omar")
        await until(
            pilot, lambda: "profile_maintenance makes one of 4 attributes" in picture(app), "the note"
        )
        await pilot.press("right")
        await until(pilot, lambda: "No version was published yet." in picture(app), "no version")


# Memories


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_memories_say_what_they_are_worth_and_what_shields_them(
    source: FakeSource, size: tuple[int, int]
) -> None:
    async with opened(console_on(source), size) as pilot:
        app = await go_to_memories(pilot)
        shown = picture(app)
        for words in ("✓ in use", "▲ by tag", "▲ explicit", "! fading", "8 memories"):
            assert words in shown
        assert memories_of(app).table.find(("nova", "m-104", None))
        await until(pilot, lambda: "Nothing shields it" in picture(app), "why it fades")
        assert "7.0 half-lives" in picture(app) or "half-lives" in picture(app)


async def test_archived_memories_say_why_they_went(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = await go_to_memories(pilot, "archived")
        shown = picture(app)
        assert "– Archived on 2026-11-21 21:19:07, 5 h ago." in shown
        assert "260 days without use were 7.8 half-lives" in shown
        assert "which was below 0.05" in shown


async def test_a_merge_shows_its_members_below_the_one_that_stayed(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = await go_to_memories(pilot, "merged")
        shown = [line.strip() for line in picture(app).splitlines()]
        at = next(number for number, line in enumerate(shown) if "3 memories became one" in line)
        assert shown[at + 1].startswith("✓ Ada lives in Dresden since March 2026.")
        assert shown[at + 2].startswith("├─ Ada moved to Dresden in March.")
        assert shown[at + 3].startswith("└─ Ada now lives in Dresden.")
        assert "A model judged them the same, asked in both orders." in picture(app)


async def test_the_one_that_stayed_shows_the_merge_too_and_its_run(source: FakeSource) -> None:
    async with opened(console_on(source), MEDIUM) as pilot:
        app = await go_to_memories(pilot)
        assert memories_of(app).table.find(("nova", "m-101", None))
        await until(pilot, lambda: "3 memories became one" in memories_of(app).about.plain, "the merge")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), "the run")


async def test_restoring_asks_and_a_merge_comes_back_as_a_whole(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_memories(pilot, "merged")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        shown = picture(app)
        for words in (
            "Bring this memory back?",
            "nova/m-052",
            "Ada now lives in Dresden.",
            "merged into m-101",
        ):
            assert words in shown
        await pilot.press("enter")
        await until(pilot, lambda: not question(app), "the list")
        assert len(source.world.people.archived) == 5
        await pilot.press("B", "y")
        await until(
            pilot, lambda: toasts(app) == ["Brought back 2 memories of nova: m-051, m-052."], "the notice"
        )
        await until(pilot, lambda: "No memory was merged." in picture(app), "the empty list")


async def test_all_that_a_filter_shows_is_marked_and_brought_back(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_memories(pilot, "archived")
        await pilot.press("slash", *"bot:nova", "enter")
        await until(pilot, lambda: len(memories_of(app).table.rows) == 2, "those of nova")
        await pilot.press("asterisk")
        await until(pilot, lambda: "▪ 2 marked" in picture(app), "the marks")
        await pilot.press("B")
        await until(pilot, lambda: question(app), "the question")
        assert "Bring back 2 memories?" in picture(app)
        asked = " ".join(str(each.render()) for each in app.screen.query(".line"))
        # By what they say: nobody knows them by their ids.
        for row in memories_of(app).table.rows:
            assert f"“{row.memory.content[:20]}" in asked
        await pilot.press("y")
        await until(pilot, lambda: toasts(app) == ["Brought back 2 memories."], "the notice")
        assert [each.memory.id for each in source.world.people.archived] == ["m-051", "m-052", "m-003"]
        await until(pilot, lambda: not memories_of(app).table.marks, "no marks")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("B", "It is in use. Merged and archived ones can come back."),
        ("asterisk", "Only what can be brought back is marked."),
        ("o", "No run did anything to it."),
        ("left", "This is the first list."),
    ],
)
async def test_a_greyed_key_says_why(source: FakeSource, key: str, reason: str) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_memories(pilot)
        await pilot.press(key)
        await until(pilot, lambda: reason in toasts(app), "the reason")


async def test_enter_gives_one_memory_all_the_room_and_escape_takes_it_back(source: FakeSource) -> None:
    async with opened(console_on(source), NARROW) as pilot:
        app = await go_to_memories(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "Jo had a cold" not in picture(app), "the memory by itself")
        assert memories_of(app).about.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: "Jo had a cold" in picture(app), "the list")
        assert memories_of(app).table.has_focus


async def test_the_filter_suggests_bots_and_tags_of_the_data(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_memories(pilot)
        suggest = memories_of(app).filter_line.input.suggester
        assert suggest is not None
        assert await suggest.get_suggestion("bot:m") == "bot:mira"
        assert await suggest.get_suggestion("tag:he") == "tag:health"
        await pilot.press("slash", *"score<0.05", "enter")
        await until(pilot, lambda: len(memories_of(app).table.rows) == 1, "the fading one")


# Both


@pytest.mark.parametrize("where", ["profiles", "memories"])
async def test_read_only_consoles_grey_every_change(source: FakeSource, where: str) -> None:
    source.read_only = True
    async with opened(console_on(source)) as pilot:
        app = await (go_to_ada(pilot, "Versions") if where == "profiles" else go_to_memories(pilot, "merged"))
        await pilot.press("down", "B")
        await until(pilot, lambda: toasts(app) == ["This console is read-only."], "the refusal")


@pytest.mark.parametrize("key", ["5", "6"])
async def test_an_empty_database_teaches(key: str) -> None:
    async with opened(console_on(FakeSource(World())), NARROW) as pilot:
        app = pilot.app
        await pilot.press(key)
        wanted = f"bawt-console {'profiles' if key == '5' else 'memories'} import FILE.jsonl"
        await until(pilot, lambda: wanted in picture(app), "what to do")


@pytest.mark.parametrize("key", ["2", "5", "6"])
async def test_keys_work_where_a_list_is_empty_and_one_comes_back_to_it(key: str) -> None:
    async with opened(console_on(FakeSource(World())), NARROW) as pilot:
        app = pilot.app
        for _ in range(2):
            await pilot.press(key)
            await pilot.pause()
            # A hidden field would take what is typed.
            assert not isinstance(app.screen.focused, Input)
            await pilot.press("1")
            await pilot.pause()


async def test_the_arrow_keys_change_the_list_at_once(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await pilot.press("6")
        await until(pilot, lambda: app.current_mode == "memories" and memories_of(app).is_loaded, "the list")
        await until(pilot, lambda: memories_of(app).table.has_focus, "the focus")
        await pilot.press("right")
        await until(pilot, lambda: memories_of(app).state == "merged", "the next list")


async def test_a_frozen_list_stands_still_and_catches_up(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        await pilot.press("f")
        del source.world.people.profiles[user("bo")]
        source.tell("profiles")
        await pilot.pause(0.05)
        assert "user/bo" in picture(app)
        await pilot.press("f")
        await until(pilot, lambda: "user/bo" not in picture(app), "the list without bo")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("profile:user/ada", "She works nights as a head nurse."),
        ("profile:user/ADA", "She works nights as a head nurse."),
        ("memory:nova/m-101", "Ada lives in Dresden since March 2026."),
        ("memory:nova/m-051", "⇢ Merged into m-101"),
        ("memory:mira/m-003", "– Archived on"),
    ],
)
async def test_the_console_opens_at_a_profile_or_a_memory(
    source: FakeSource, target: str, shown: str
) -> None:
    async with opened(console_on(source, open_at=target), MEDIUM) as pilot:
        await until(pilot, lambda: shown in picture(pilot.app), target)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("profile:ada", "“ada” is no profile."),
        ("profile:cat/tom", "“cat/tom” is no profile."),
        ("profile:user/nobody", "Nothing is known of user/nobody."),
        ("memory:m-101", "“m-101” is no memory."),
        ("memory:nova/none", "nova has no memory “none”."),
        ("cat:tom", "“cat:tom” cannot be opened."),
    ],
)
async def test_what_cannot_be_opened_is_a_sentence(source: FakeSource, target: str, why: str) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        obey(profiles_of(app), f"open {target}")
        await until(pilot, lambda: why in str(toasts(app)), "the sentence")


@pytest.mark.parametrize(
    ("pane", "count", "has"),
    [
        ("Summary", 5, "attribute_ids"),
        ("Versions", 5, "summary"),
        ("Attributes", 12, "cited"),
        ("Drafts", 2, "failures"),
    ],
)
async def test_what_a_pane_shows_is_exported(
    source: FakeSource, tmp_path: Path, pane: str, count: int, has: str
) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_ada(pilot, pane)
        for ending in ("jsonl", "csv"):
            obey(profile_of(app), f"export {tmp_path / f'out.{ending}'}")
            told = f"Wrote {count} rows to {tmp_path / f'out.{ending}'}."
            await until(pilot, lambda told=told: told in toasts(app), "the file")  # type: ignore[misc]
        lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == count
        assert has in json.loads(lines[0])
        assert has in (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[0]


async def test_lists_are_exported_with_states_and_worth(source: FakeSource, tmp_path: Path) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        obey(profiles_of(app), f"export {tmp_path / 'profiles.jsonl'}")
        await until(pilot, lambda: "Wrote 7 rows" in str(toasts(app)), "the profiles")
        await go_to_memories(pilot, "archived")
        obey(memories_of(app), f"export {tmp_path / 'memories.jsonl'}")
        await until(pilot, lambda: "Wrote 3 rows" in str(toasts(app)), "the memories")
    profile = json.loads((tmp_path / "profiles.jsonl").read_text(encoding="utf-8").splitlines()[1])
    assert (profile["entity"], profile["state"], profile["version"]) == ("user/ada", "unchanged", 15)
    memory = json.loads((tmp_path / "memories.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert (memory["id"], memory["state"]) == ("m-003", "archived")
    assert memory["worth"] < 0.05


async def test_copying_takes_what_the_cursor_is_on(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_profiles(pilot)
        assert profiles_of(app).copied() == "bot/nova"
        await go_to_ada(pilot)
        assert "She works nights as a head nurse." in profile_of(app).copied()
        await pilot.press("right")
        await until(pilot, lambda: bool(profile_of(app).versions.rows), "the versions")
        assert profile_of(app).copied().startswith("Ada lives in Dresden")
        await pilot.press("right")
        assert profile_of(app).copied() == "fact.allergy = allergic to penicillin"
        await go_to_memories(pilot)
        assert memories_of(app).copied() == "Jo restores a boat with his brother."


async def test_a_saved_view_keeps_the_list_and_its_filter(source: FakeSource) -> None:
    async with opened(console_on(source)) as pilot:
        app = await go_to_memories(pilot, "archived")
        memories_of(app).narrow("bot:nova")
        view = memories_of(app).view
        assert (view.screen, view.filter, view.order) == ("memories", "bot:nova", "archived")
        memories_of(app).order_by("")
        assert memories_of(app).state == "active"
        with pytest.raises(StateError, match="There is no list"):
            memories_of(app).order_by("upside-down")


class Many:
    """Endless lists; notes what was asked for."""

    def __init__(self, source: FakeSource, rows: int) -> None:
        self.limits: list[int] = []
        self._profile = source.world.people.profiles[ADA].row
        self._memory = source.world.people.memories[0]
        self._rows = rows

    async def profiles(
        self, wanted: ProfileFilter, *, after: ProfileRow | None = None, limit: int = 300
    ) -> list[ProfileRow]:
        self.limits.append(limit)
        first = 0 if after is None else int(after.profile.entity.id) + 1
        return [self._row(number) for number in range(first, min(first + limit, self._rows))]

    def _row(self, number: int) -> ProfileRow:
        profile = replace(self._profile.profile, entity=user(f"{number:05}"))
        return replace(self._profile, profile=profile)

    async def memories(
        self, state: str, wanted: MemoryFilter, *, after: MemoryRow | None = None, limit: int = 300
    ) -> list[MemoryRow]:
        self.limits.append(limit)
        first = 0 if after is None else int(after.memory.id) + 1
        return [
            MemoryRow(
                memory=replace(self._memory, id=f"{number:05}"),
                state=MemoryState(state),
                at=NOW,
            )
            for number in range(first, min(first + limit, self._rows))
        ]


@pytest.mark.parametrize("key", ["5", "6"])
async def test_lists_are_read_page_by_page_up_to_ten_thousand(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    many = Many(source, LONGEST_LIST + 500)
    monkeypatch.setattr(source.records, "profiles", many.profiles)
    monkeypatch.setattr(source.records, "memories", many.memories)
    async with opened(console_on(source), NARROW) as pilot:
        app = await (go_to_profiles(pilot) if key == "5" else go_to_memories(pilot))
        screen = profiles_of(app) if key == "5" else memories_of(app)
        assert len(screen.table.rows) == PAGE
        assert many.limits == [PAGE]
        rows = 0
        while rows < len(screen.table.rows) < LONGEST_LIST:
            rows = len(screen.table.rows)
            await pilot.press("end")
            await until(pilot, lambda rows=rows: len(screen.table.rows) > rows, "the next page")  # type: ignore[misc]
        assert len(screen.table.rows) == LONGEST_LIST
        assert "/ finds the others" in picture(app)
        assert many.limits[-1] == LONGEST_LIST % PAGE
        # What is read anew because something changed is as long as what was looked at.
        source.tell("profiles", "memories")
        await until(pilot, lambda: many.limits[-1] == LONGEST_LIST, "the same rows again")
        assert screen.table.cursor == LONGEST_LIST - 1 or screen.table.cursor >= LONGEST_LIST - PAGE
