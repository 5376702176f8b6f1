"""Reading along while a model writes: the counts in every case, the words where a node tells them."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC
from uuid import UUID, uuid4

from bawt_console.app import ConsoleApp
from bawt_console.generations import SILENT_AFTER_SECONDS, Generations
from bawt_console.screens.run import RunScreen
from bawt_console.source import ATTACHED, open_source
from scheduler_core.db.connect import Address
from scheduler_core.db.database import Database
from scheduler_core.db.generation_news import GenerationNews
from scheduler_core.domain import Generation, RunStatus
from tests.console.believable import believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, opened, picture, run_of, until

BASE = Generation(
    run_id=UUID(int=7),
    tokens=212,
    max_tokens=400,
    seconds=22.5,
    first_token_seconds=1.2,
    tokens_per_second=9.8,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_node_that_falls_silent_is_forgotten() -> None:
    clock = Clock()
    generations = Generations(clock)
    generations.take(BASE)
    clock.now = SILENT_AFTER_SECONDS - 1
    seen = generations.of(BASE.run_id)
    assert seen is not None
    assert seen.seconds == BASE.seconds + clock.now
    clock.now = SILENT_AFTER_SECONDS + 1
    assert generations.of(BASE.run_id) is None
    assert generations.of(None) is None


def test_words_that_are_no_longer_sent_are_kept_in_front_of_those_that_are() -> None:
    generations = Generations(Clock())
    generations.take(replace(BASE, tokens=10, text="abcdefghij", start=0))
    generations.take(replace(BASE, tokens=14, text="ghijklmn", start=6))
    seen = generations.of(BASE.run_id)
    assert seen is not None
    assert (seen.text, seen.start) == ("abcdefghijklmn", 0)
    # Another text, or news that were missed: nothing is made up in between.
    generations.take(replace(BASE, tokens=40, text="xyz", start=40))
    seen = generations.of(BASE.run_id)
    assert seen is not None
    assert (seen.text, seen.start) == ("xyz", 40)


def test_the_last_word_takes_the_text_along() -> None:
    generations = Generations(Clock())
    generations.take(replace(BASE, text="secret"))
    generations.take(replace(BASE, is_over=True))
    assert generations.of(BASE.run_id) is None
    assert "secret" not in repr(generations.__dict__)


async def test_the_run_screen_shows_words_and_counts_while_a_model_writes() -> None:
    source = FakeSource(believable_world())
    running = next(run for run in source.world.runs if run.status is RunStatus.RUNNING)
    app = console_on(source)
    async with opened(app, MEDIUM) as pilot:
        await app.push_screen(RunScreen(app.desk, running, pane="Live"))
        await until(pilot, lambda: "No model writes" in picture(app), "the note")
        source.generations.take(
            replace(BASE, run_id=running.id, text="Ada \x1b]52;c;UFdORUQ\x07 [b]rows[/b]")
        )
        await until(pilot, lambda: "Ada  [b]rows[/b]" in picture(app), "the words")
        for words in ("writes 212 of 400 tokens", "9.8 tokens/s", "first token 1.2 s", "left at most"):
            assert words in picture(app)
        source.generations.take(replace(BASE, run_id=running.id, repeats=True, text="round and round"))
        await until(pilot, lambda: "≈ repeats itself" in picture(app), "the warning")
        # Cancelled in place.
        await pilot.press("X")
        await until(
            pilot, lambda: "Cancel this run?" in picture(app) or "Stop" in picture(app), "the question"
        )
        await pilot.press("escape")
        source.generations.take(replace(BASE, run_id=running.id, is_over=True))
        await until(pilot, lambda: "round and round" not in picture(app), "the end")


async def test_counts_are_shown_where_the_words_are_not() -> None:
    source = FakeSource(believable_world())
    running = next(run for run in source.world.runs if run.status is RunStatus.RUNNING)
    app = console_on(source)
    async with opened(app, NARROW) as pilot:
        await pilot.press("down")
        source.generations.take(replace(BASE, run_id=running.id))
        await until(pilot, lambda: "writes 212 of 400 tokens" in picture(app), "the line below the jobs")
        await app.push_screen(RunScreen(app.desk, running, pane="Live"))
        await until(pilot, lambda: "LLM_BAWT_LIVE_GENERATION=true" in picture(app), "why there are no words")
        assert run_of(app).lines("Live").plain.startswith("The words stay")


async def test_a_console_on_the_same_database_hears_it(database: Database, database_url: str) -> None:
    async with open_source(Address.parse(database_url), actor="tester", mode=ATTACHED) as source:
        app = ConsoleApp(lambda: nullcontext(source), zone=UTC, tick=None)
        async with opened(app, NARROW) as pilot:
            await until(pilot, lambda: not app.desk.stale, "the LISTEN connection")
            run_id = uuid4()
            await GenerationNews(database).tell([replace(BASE, run_id=run_id, text="words")])
            await until(pilot, lambda: source.generations.of(run_id) is not None, "the news")
            await GenerationNews(database).tell([replace(BASE, run_id=run_id, is_over=True)])
            await until(pilot, lambda: source.generations.of(run_id) is None, "the last word")
