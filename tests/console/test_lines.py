"""Panes of lines: wrapping, following the end, and being quick with long logs."""

import time

from textual.app import App, ComposeResult

from bawt_console.formatting import phrase
from bawt_console.widgets.lines import Line, LinesPane
from bawt_console.widgets.themes import DAY, NIGHT


class LinesApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in (NIGHT, DAY):
            self.register_theme(theme)
        self.theme = NIGHT.name

    def compose(self) -> ComposeResult:
        yield LinesPane(follow=True)

    @property
    def pane(self) -> LinesPane:
        return self.query_one(LinesPane)

    def shown(self) -> list[str]:
        return [self.pane.render_line(y).text.rstrip() for y in range(self.pane.size.height)]


def numbered(start: int, end: int) -> list[Line]:
    return [Line(phrase("03:14  "), phrase(f"line {number}")) for number in range(start, end)]


async def test_a_wrapped_line_is_indented_below_its_own_text() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.pane.show([Line(phrase("03:14  "), phrase("several words that need more than one row"))])
        await pilot.pause()
        first, second = app.shown()[:2]
        assert first.startswith("03:14  several")
        assert second.startswith("       ")
        assert second.strip()


async def test_every_row_is_exactly_as_wide_as_the_pane() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.pane.show(
            [Line(phrase("h" * 50), phrase("你好" * 40)), Line(body=phrase("a\tb\n\nc"), tail=phrase("end"))]
        )
        for width in (30, 17, 9):
            await pilot.resize_terminal(width, 8)
            assert {app.pane.render_line(y).cell_length for y in range(8)} == {app.pane.size.width}


async def test_the_end_stays_in_view_until_a_person_scrolls_up() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.pane.show(numbered(0, 50))
        await pilot.pause()
        app.pane.show(numbered(0, 60))
        await pilot.pause()
        assert "line 59" in app.shown()[-1]
        app.pane.focus()
        await pilot.press("home")
        await pilot.pause()
        app.pane.show(numbered(0, 70))
        await pilot.pause()
        assert "line 0" in app.shown()[0]


async def test_other_lines_replace_the_old_ones() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.pane.show(numbered(0, 5))
        app.pane.show(numbered(7, 9))
        await pilot.pause()
        assert [line for line in app.shown() if line] == ["03:14  line 7", "03:14  line 8"]


async def test_colours_follow_the_theme() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.pane.show(numbered(0, 1))
        await pilot.pause()
        before = app.pane.render_line(0)
        app.theme = DAY.name
        await pilot.pause()
        assert app.pane.render_line(0).text == before.text
        assert app.pane.render_line(0) != before


async def test_ten_thousand_lines_come_in_without_a_stall() -> None:
    app = LinesApp()
    async with app.run_test(size=(80, 24)) as pilot:
        lines = numbered(0, 10_000)
        started = time.perf_counter()
        app.pane.show(lines)
        await pilot.pause()
        assert time.perf_counter() - started < 5
        while app.pane.scroll_offset.y < 9_000:
            await pilot.pause()
        assert "line 9999" in app.shown()[-1]
