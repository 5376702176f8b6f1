"""The Models screen: what would be taken and why, fetching from a real server, trying a real tiny model."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bawt_console.app import ConsoleApp
from bawt_console.model_shelf import ModelShelf
from bawt_console.screens.dialogs import ConfirmScreen, ReasonScreen
from bawt_console.screens.model_try import End
from bawt_console.screens.models import ModelsScreen
from bawt_console.source import Link
from bawt_console.widgets.download_line import Fate
from scheduler_core.errors import ModelError, NotFoundError
from scheduler_core.settings import Settings
from tests import gguf_models
from tests.console.believable import World, believable_world
from tests.console.fakes import FakeSource, console_on
from tests.console.pilots import MEDIUM, NARROW, opened, picture, toasts, until
from tests.llm import web_server
from tests.llm.web_server import Answer, Site


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(believable_world())


@asynccontextmanager
async def models_on(
    source: FakeSource, size: tuple[int, int] = MEDIUM
) -> AsyncIterator[tuple["Pilot[int]", ModelsScreen]]:
    """The console on the Models screen, with the folders read."""
    async with opened(console_on(source), size) as pilot:
        await pilot.press("7")
        screen = pilot.app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: screen.is_loaded, "the models")
        await pilot.pause()
        yield pilot, screen


def app_of(pilot: "Pilot[int]") -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


# What there is


async def test_it_tells_what_is_taken_and_why_others_are_not(source: FakeSource) -> None:
    async with models_on(source) as (pilot, _):
        shown = picture(pilot.app)
        assert "→ text" in shown
        assert "→ embeddings" in shown
        assert "6.12 GB of memory free" in shown
        await pilot.press("end")
        await until(pilot, lambda: "does not know the architecture qwen3" in picture(pilot.app), "the reason")
        await pilot.press("up")
        await until(pilot, lambda: "6.39 GB of 6.12 GB free  does not fit" in picture(pilot.app), "the fit")
        await pilot.press("up")
        await until(pilot, lambda: "what is asked stays on this machine" in picture(pilot.app), "the place")


async def test_a_remote_server_is_called_remote(source: FakeSource) -> None:
    *files, server = source.world.shelf.models
    source.world.shelf.models = (*files, replace(server, locality="remote"))
    async with models_on(source) as (pilot, _):
        await pilot.press("down", "down")
        await until(pilot, lambda: "what is asked leaves this machine" in picture(pilot.app), "the warning")


async def test_the_first_start_leads_from_jobs_to_models_and_to_what_can_be_fetched() -> None:
    world = believable_world()
    world.nodes = [replace(node, model=None) for node in world.nodes]
    world.shelf.models = world.shelf.parts = ()
    async with opened(console_on(FakeSource(world)), NARROW) as pilot:
        await until(pilot, lambda: "7 shows models and fetches one" in picture(pilot.app), "the banner")
        await pilot.press("7")
        await until(pilot, lambda: "There is no model on this machine." in picture(pilot.app), "the hint")
        assert "C asks models.example what there is" in picture(pilot.app)
        assert world.shelf.asked == []


async def test_without_a_model_for_text_a_banner_says_why(source: FakeSource) -> None:
    source.world.shelf.models = source.world.shelf.models[1:]
    async with models_on(source) as (pilot, _):
        assert "! No model for text" in picture(pilot.app)
        assert "No usable model file was found." in picture(pilot.app)


async def test_f5_reads_the_folders_again(source: FakeSource) -> None:
    async with models_on(source) as (pilot, screen):
        source.world.shelf.models = source.world.shelf.models[:2]
        await pilot.press("f5")
        await until(pilot, lambda: len(screen.table.rows) == 2, "the rows of now")


async def test_rows_can_be_exported_and_copied(source: FakeSource) -> None:
    async with models_on(source) as (pilot, screen):
        rows = screen.exported()
        assert [row["taken_for"] for row in rows] == ["text", "embeddings", "", "", ""]
        assert screen.copied().endswith("Llama-3.2-3B-Instruct-Q4_0.gguf")
        await pilot.press("C")
        await until(pilot, lambda: screen.offer is not None, "the catalogue")
        assert screen.exported()[0]["name"] == "Phi-3 Mini Instruct"
        assert screen.copied() == "Phi-3 Mini Instruct"


# Fetching


async def test_nobody_is_asked_for_the_catalogue_before_a_person_says_so(source: FakeSource) -> None:
    async with models_on(source) as (pilot, screen):
        await pilot.press("right", "right")
        await until(pilot, lambda: screen.panes.chosen == "Catalogue", "the pane")
        await pilot.pause()
        assert source.world.shelf.asked == []
        await pilot.press("C")
        await until(pilot, lambda: screen.offers.is_fetched, "the catalogue")
        assert source.world.shelf.asked == ["catalogue"]


async def test_a_catalogue_that_does_not_come_is_explained_and_asked_for_again(source: FakeSource) -> None:
    world = source.world.shelf
    world.parts, world.failure = (), ModelError("models.example cannot be reached.", "Check the network.")
    async with models_on(source) as (pilot, screen):
        await pilot.press("C")
        await until(pilot, lambda: "models.example cannot be reached." in picture(pilot.app), "the reason")
        world.failure = None
        await pilot.press("C")
        await until(pilot, lambda: screen.offer is not None, "the catalogue")


async def test_a_download_asks_and_enter_alone_leaves_it(source: FakeSource) -> None:
    async with models_on(source) as (pilot, screen):
        await pilot.press("C")
        await until(pilot, lambda: screen.offer is not None, "the catalogue")
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen), "the question")
        assert "45.9 MB" in picture(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen, "the list")
        assert source.world.shelf.asked == ["catalogue"]


async def test_what_is_here_is_not_fetched_twice(source: FakeSource) -> None:
    async with models_on(source) as (pilot, screen):
        await pilot.press("C")
        await until(pilot, lambda: screen.offer is not None, "the catalogue")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "is here already" in str(toasts(app_of(pilot))), "the refusal")


async def test_a_failed_download_says_why_and_its_address_can_be_corrected(source: FakeSource) -> None:
    source.world.shelf.state = None
    async with models_on(source) as (pilot, screen):
        address = "https://models.example/a.gguf"
        screen.fetch(address, "a.gguf")
        await until(pilot, lambda: "✗ failed" in picture(pilot.app), "the failure")
        assert "models.example cannot be reached." in picture(pilot.app)
        await pilot.press("U")
        await until(pilot, lambda: address in picture(pilot.app), "the address of before")
        await pilot.press("enter")
        await until(pilot, lambda: source.world.shelf.asked == [f"download {address}"] * 2, "the second try")


async def test_a_read_only_console_fetches_nothing_and_a_lost_database_hinders_nothing(
    source: FakeSource,
) -> None:
    async with models_on(source) as (pilot, screen):
        source.standing = Link(connected=False, age=9.0, retry_in=1.0)
        assert screen.why_not("download") is None
        source.read_only = True
        await pilot.press("D")
        await until(pilot, lambda: toasts(app_of(pilot)) == ["This console is read-only."], "the refusal")


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server.serving() as site:
        yield site


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models lie; nothing of this machine's person is looked at."""
    monkeypatch.setenv("HOME", str(tmp_path))
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    return models


@asynccontextmanager
async def real_models(folder: Path, **settings: str) -> AsyncIterator[tuple["Pilot[int]", ModelsScreen]]:
    """The screen over real files, real downloads and the real model process."""
    source = FakeSource(World())
    shelf = ModelShelf(Settings(data_dir=folder.parent, **settings))  # type: ignore[arg-type]
    source.models = shelf
    try:
        async with models_on(source) as (pilot, screen):
            yield pilot, screen
    finally:
        await shelf.aclose()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = gguf_models.scripted(tmp_path_factory.mktemp("source") / "m.gguf", {None: "an answer"})
    return path.read_bytes()


async def test_a_real_download_is_shown_stopped_and_goes_on_where_it_was(
    folder: Path, site: Site, model: bytes
) -> None:
    half = len(model) // 2

    def slowly(request: Answer) -> None:
        request.start(200, length=len(model), ETag='"one"')
        request.wfile.write(model[:half])
        request.wfile.flush()
        for at in range(half, len(model) - 1_000, 1_000):
            if site.released.wait(0.02):
                return
            request.wfile.write(model[at : at + 1_000])
            request.wfile.flush()

    url = site.put("/tiny.gguf", slowly, web_server.whole(model))
    async with real_models(folder) as (pilot, _):
        await pilot.press("U")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReasonScreen), "the question")
        await pilot.press(*url, "enter")
        await until(pilot, lambda: "B/s" in picture(pilot.app), "the speed")
        await until(pilot, lambda: " s left" in picture(pilot.app), "the time left")
        assert "● downloading" in picture(pilot.app)
        await until(pilot, lambda: "█" in picture(pilot.app), "the bar")
        await pilot.press("X")
        await until(pilot, lambda: "‖ stopped" in picture(pilot.app), "the stop")
        await until(pilot, lambda: "1 download begun" in picture(pilot.app), "what was begun")
        kept = (folder / "tiny.gguf.part").stat().st_size
        assert kept >= half
        await pilot.press("D")
        await until(pilot, lambda: "✓ downloaded" in picture(pilot.app), "the rest")
        assert (folder / "tiny.gguf").read_bytes() == model
        assert any(headers.get("Range") == f"bytes={kept}-" for _, headers in site.requests)
        await until(pilot, lambda: "→ text" in picture(pilot.app), "the new model")
        assert "Downloaded tiny.gguf" in str(toasts(app_of(pilot)))


async def test_what_another_console_began_goes_on_here(folder: Path, site: Site, model: bytes) -> None:
    url = site.put("/tiny.gguf", web_server.breaking(model, after=1000), web_server.status(404))
    shelf = ModelShelf(Settings(data_dir=folder.parent))
    with pytest.raises(NotFoundError):
        await shelf.download(url, on_progress=lambda state: None)
    site.put("/tiny.gguf", web_server.whole(model))
    async with real_models(folder) as (pilot, screen):
        await pilot.press("right", "right", "tab")
        await until(pilot, lambda: screen.offers.selected is not None, "what was begun")
        screen.offers.table.focus()
        await pilot.pause()
        await pilot.press("enter", "y")
        await until(pilot, lambda: (folder / "tiny.gguf").exists(), "the file")


async def test_leaving_the_screen_does_not_end_a_download(folder: Path, site: Site, model: bytes) -> None:
    url = site.put("/tiny.gguf", web_server.whole(model))
    async with real_models(folder) as (pilot, screen):
        screen.fetch(url, "tiny.gguf")
        await pilot.press("1")
        await until(pilot, lambda: "Downloaded tiny.gguf" in str(toasts(app_of(pilot))), "the toast")
        assert screen.transfer is not None
        assert screen.transfer.fate is Fate.DONE


async def test_download_behind_a_colon_takes_an_address(folder: Path, site: Site, model: bytes) -> None:
    url = site.put("/tiny.gguf", web_server.whole(model))
    async with real_models(folder) as (pilot, _):
        await pilot.press("1", "colon", *"download", "space", *url, "enter")
        await until(pilot, lambda: (folder / "tiny.gguf").exists(), "the file")
        await until(pilot, lambda: isinstance(pilot.app.screen, ModelsScreen), "the screen")


# Trying


async def test_a_real_answer_comes_piece_by_piece_with_its_speed(folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {"hello": "some words for a person", None: "nothing"})
    async with real_models(folder) as (pilot, screen):
        await pilot.press("t", *"hello", "enter")
        await until(pilot, lambda: "✓ complete" in picture(pilot.app), "the answer")
        shown = picture(pilot.app)
        assert "some words for a person" in shown
        assert "tokens/s" in shown
        assert "first token after" in shown
        attempt = screen.trial.attempt
        assert attempt is not None
        assert len(attempt.pieces) > 1
        assert "".join(attempt.pieces) == "some words for a person"


async def test_escape_stops_a_real_endless_answer_and_the_next_prompt_is_answered(folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "la la la "}, loop=True, slow=True)
    async with real_models(folder) as (pilot, screen):
        await pilot.press("t", *"sing", "enter")
        await until(pilot, lambda: "● writing" in picture(pilot.app), "the first words")
        assert "la la" in picture(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: "– cancelled" in picture(pilot.app), "the end")
        first = screen.trial.attempt
        assert first is not None
        assert first.end is End.CANCELLED
        await pilot.press("enter")
        await until(pilot, lambda: screen.trial.attempt is not first, "the second prompt")
        await until(pilot, lambda: "● writing" in picture(pilot.app), "its first words")
        await pilot.press("escape")
        await until(pilot, lambda: not screen.trial.goes_on, "the end")


async def test_an_answer_cannot_command_the_terminal(folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "\x1b[31mred\x1b]0;title\x07 city"})
    async with real_models(folder) as (pilot, _):
        await pilot.press("t", *"hi", "enter")
        await until(pilot, lambda: "✓ complete" in picture(pilot.app), "the answer")
        assert "red city" in picture(pilot.app)
        assert "\x1b" not in picture(pilot.app)


async def test_a_prompt_that_no_model_can_take_is_explained_in_place(folder: Path) -> None:
    gguf_models.scripted(folder / "m.gguf", {None: "words"}, ctx=512)
    async with real_models(folder) as (pilot, screen):
        screen.action_try_model()
        screen.trial.input.value = "x" * 2_000
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: "longer than the context" in picture(pilot.app), "the reason")


@pytest.mark.parametrize(
    ("moves", "words"),
    [(("down",), "cannot answer"), (("end",), "architecture qwen3")],
)
async def test_what_cannot_answer_says_why_it_is_not_tried(
    source: FakeSource, moves: tuple[str, ...], words: str
) -> None:
    async with models_on(source) as (pilot, _):
        await pilot.press(*moves, "t")
        await until(pilot, lambda: words in str(toasts(app_of(pilot))), "the reason")


async def test_the_prompt_goes_to_the_model_under_the_cursor_and_a_second_one_waits(
    source: FakeSource,
) -> None:
    source.world.shelf.waits = True
    async with models_on(source) as (pilot, screen):
        await pilot.press("t", *"one", "enter")
        await until(pilot, lambda: "● writing" in picture(pilot.app), "the answer")
        await pilot.press("enter")
        await until(pilot, lambda: "esc stops it" in str(toasts(app_of(pilot))), "the refusal")
        await pilot.press("escape")
        await until(pilot, lambda: not screen.trial.goes_on, "the end")
        await pilot.press("escape")
        await until(pilot, lambda: screen.table.has_focus, "the list")


async def test_the_mouse_chooses_rows_and_panes(source: FakeSource) -> None:
    async with models_on(source, (120, 40)) as (pilot, screen):
        await pilot.click("#models", offset=(10, 2))
        assert screen.table.cursor == 1
        await pilot.click("#panes", offset=(10, 0))
        await until(pilot, lambda: screen.panes.chosen == "Try", "the pane")
        await pilot.click("#models", offset=(10, 1), times=2)
        await until(pilot, lambda: screen.trial.input.has_focus, "the prompt")
