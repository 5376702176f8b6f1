"""The memories commands as a script and a person see them."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.memory_archive import MemoryArchive, MergeGroup
from scheduler_core.db.memory_rows import text_hash
from tests.command_line.program import Finished, Program

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "memories.jsonl"
ESCAPE = "\x1b[2J\x9b31m\u202eevil\x07"
RUN = "6f1f0c1e-3a0e-4f43-9f0c-0d7a3a1b2c3d"


def line(content: str = "Likes tea", **more: object) -> str:
    return json.dumps({"bot_id": "nova", "content": content} | more) + "\n"


def imported(program: Program, *lines: str) -> Finished:
    return program.run("memories", "import", "-", "--json", stdin="".join(lines))


async def archived(program: Program, *, merge: tuple[str, str] | None = None) -> None:
    """Lets a job do its work: decay, or a merge of the second into the first."""
    assert program.url is not None
    database = Database.open(Address.parse(program.url), pool_size=2, application="tests")
    store = MemoryArchive(database)
    if merge is None:
        await store.decay("nova", run_id=UUID(RUN))
    else:
        hashes = {id_: text_hash(f"text {id_}") for id_ in merge}
        await store.merge("nova", [MergeGroup(survivor=merge[0], hashes=hashes)], run_id=UUID(RUN))
    await database.aclose()


def test_a_file_is_imported_exported_and_imported_again_unchanged(program: Program) -> None:
    first = program.run("memories", "import", str(EXAMPLE), "--json")
    assert first.code == 0
    assert first.objects == [{"added": 120, "changed": 0, "unchanged": 0, "archived": 0, "rejected": 0}]
    exported = program.run("memories", "export")
    again = program.run("memories", "import", "-", stdin=exported.out)
    assert again.out == "0 added, 0 changed, 120 unchanged, 0 archived, 0 rejected\n"
    assert len(program.run("memories", "export", "--bot", "brumm").objects) == 60


def test_bad_lines_are_named_and_the_good_ones_go_in(program: Program) -> None:
    done = imported(program, line(), "rubbish\n", line("geheim-4711", importance=2))
    assert (done.code, done.objects[0]["added"], done.objects[0]["rejected"]) == (2, 1, 2)
    assert done.err == (
        "line 2: The line is not valid JSON.\nline 3: importance must be a number from 0 to 1.\n"
    )


def test_lists_are_cut_with_a_word_about_it_and_filtered(program: Program) -> None:
    imported(program, *(line(f"text {n}", id=f"m{n}") for n in range(3)), line(bot_id="mira", id="x"))
    listed = program.run("memories", "list", "--bot", "nova", "--limit", "2")
    assert [row.split()[:2] for row in listed.out.splitlines()] == [
        ["BOT", "ID"],
        ["nova", "m0"],
        ["nova", "m1"],
    ]
    assert "Only the first 2 are shown" in listed.err
    objects = program.run("memories", "list", "--json").objects
    assert {(one["bot_id"], one["id"], one["state"]) for one in objects} == {
        ("mira", "x", "active"),
        ("nova", "m0", "active"),
        ("nova", "m1", "active"),
        ("nova", "m2", "active"),
    }


async def test_an_archived_memory_says_why_and_comes_back(program: Program) -> None:
    old = {"importance": 0.05, "created_at": "2020-01-01", "last_accessed": "2020-01-01"}
    imported(program, line("Ate noodles", id="old", **old), *(line(f"text {n}") for n in range(9)))
    before = program.run("memories", "export").out
    await archived(program)
    [listed] = program.run("memories", "list", "--state", "archived", "--json").objects
    assert (listed["id"], listed["state"], listed["run_id"]) == ("old", "archived", RUN)
    shown = program.run("memories", "show", "old")
    assert f"by run {RUN}: value 0.0000: " in shown.out
    assert "at a half-life of 48 days (importance 0.05, 0 uses, misc)" in shown.out
    assert "Ate noodles" in shown.out
    assert program.run("memories", "purge", "--dry-run").out == (
        "0 archived memories would be deleted for good.\n"
    )
    again = imported(program, line("Ate noodles", id="old", **old))
    assert again.objects[0]["archived"] == 1
    assert "memories restore brings them back" in again.err
    restored = program.run("memories", "restore", "old", "--json")
    assert restored.objects == [{"bot_id": "nova", "restored": ["old"]}]
    assert program.run("memories", "export").out == before
    assert program.run("memories", "restore", "old").code == 2


async def test_restoring_a_merged_memory_shows_its_lineage_first_and_splits_the_group(
    program: Program,
) -> None:
    imported(program, *(line(f"text {name}", id=name) for name in "ab"))
    await archived(program, merge=("a", "b"))
    assert "took in b  2" in program.run("memories", "show", "a").out
    assert "merged into a on" in program.run("memories", "show", "b").out
    assert "→ a  text b" in program.run("memories", "list", "--state", "merged").out
    assert program.run("memories", "restore", "b").out == "Back in the memory of nova: b\n"
    assert program.run("memories", "list", "--state", "merged", "--json").objects == []


def test_hostile_text_reaches_no_terminal(program: Program) -> None:
    imported(program, line(ESCAPE, id="a", tags=[ESCAPE]))
    for arguments in (
        ("memories", "list"),
        ("memories", "list", "--json"),
        ("memories", "show", "a"),
        ("memories", "show", "a", "--json"),
        ("memories", "export"),
    ):
        out = program.run(*arguments).out
        assert "evil" in out
        assert not set(out) & set("\x1b\x9b\u202e\x07")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("memories", "show", "nothing"), "There is no memory nothing."),
        (("memories", "restore", "nothing"), "There is no memory nothing."),
        (("memories", "restore", "twice"), "Name one with --bot."),
        (("memories", "restore", "here"), "There is no archived memory here of nova."),
        (("memories", "import", "missing.jsonl"), "missing.jsonl cannot be read"),
        (("memories", "list", "--state", "lost"), "--state takes active, archived or merged, not 'lost'."),
    ],
)
def test_a_mistake_is_one_sentence_with_what_to_do(
    program: Program, arguments: tuple[str, ...], told: str
) -> None:
    imported(program, line(id="here"), line(id="twice"), line(id="twice", bot_id="mira"))
    done = program.run(*arguments)
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


async def test_several_come_back_at_once_and_what_cannot_is_named(program: Program) -> None:
    old = {"importance": 0.05, "created_at": "2020-01-01", "last_accessed": "2020-01-01", "tags": ["plan"]}
    imported(
        program,
        *(line(f"old {name}", id=name, **old) for name in ("a", "b", "c")),
        *(line(f"text {n}", id=f"m{n}") for n in range(150)),
    )
    await archived(program)
    counted = program.run("memories", "restore", "--filter", "tag:plan", "--dry-run")
    assert counted.out == "3 lie in the archive; 3 would come back.\n"
    assert program.run("memories", "list", "--state", "archived", "--json").out.count("\n") == 3
    some = program.run("memories", "restore", "a", "m1", "--json")
    assert (some.code, some.objects) == (
        2,
        [{"restored": ["nova/a"], "left_out": ["nova/m1 is not in the archive."]}],
    )
    assert some.err == "left out: nova/m1 is not in the archive.\n"
    rest = program.run("memories", "restore", "--filter", "score<0.05", "--bot", "nova")
    assert (rest.code, rest.out) == (0, "2 came back.\n  nova/b\n  nova/c\n")
    undone = program.run("actions", "list", "--json").objects
    assert [(each["action"], each["object_id"]) for each in undone] == [
        ("restore", "nova/c"),
        ("restore", "nova/b"),
        ("restore", "nova/a"),
    ]


def test_lists_are_narrowed_and_say_what_a_memory_is_worth(program: Program) -> None:
    imported(
        program,
        line("Likes tea", id="tea", importance=0.9, tags=["fact"]),
        line("Likes coffee", id="coffee", importance=0.2, tags=["health"]),
    )
    [found] = program.run("memories", "list", "importance>0.5", "--json").objects
    assert (found["id"], found["shield"]) == ("tea", "important")
    assert found["worth"] > 0.9
    listed = program.run("memories", "list", "tag:health", "coffee").out
    assert "0.240 tag" in listed
    assert "tea" not in listed
    shown = program.run("memories", "show", "coffee").out
    assert "Its tag (pinned, explicit, identity or health) keeps it" in shown
    assert "At first it is worth 0.24" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("memories", "restore"), "Name memories, or give --filter."),
        (("memories", "restore", "a", "--filter", "tag:x"), "Name memories, or give --filter."),
        (("memories", "restore", "--filter", "state:x"), "There is no field “state”."),
        (("memories", "list", "score>9x"), "is not a number"),
    ],
)
def test_a_filter_that_cannot_be_read_is_a_sentence(
    program: Program, arguments: tuple[str, ...], told: str
) -> None:
    done = program.run(*arguments)
    assert (done.code, told in done.err, done.out) == (2, True, "")


async def test_a_merge_is_shown_with_the_texts_of_its_members(program: Program) -> None:
    imported(program, *(line(f"text {name}", id=name) for name in "ab"))
    await archived(program, merge=("a", "b"))
    assert "  b  text b" in program.run("memories", "show", "a").out
    [shown] = program.run("memories", "show", "a", "--json").objects
    assert shown["members"] == [{"b": "text b"}]


def test_the_first_pass_over_the_examples_is_no_reason_to_look_twice(program: Program) -> None:
    assert program.run("memories", "import", str(EXAMPLE)).code == 0
    runs = [run for run in program.run("--no-ui", "--once", "--json").objects if run["bot_id"] != "*"]
    decays = [run for run in runs if run["job_type"] == "memory_decay"]
    assert {run["bot_id"]: run["status"] for run in decays} == {"nova": "success", "brumm": "success"}
    # Years of memories, of which more than a tenth has faded.
    assert all(
        seen["below"] > seen["memories"] * 0.1 for seen in (json.loads(r["result_json"]) for r in decays)
    )
    assert [run["suspicious"] for run in runs] == [[]] * len(runs)
