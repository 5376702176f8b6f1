"""The live table: what stays put while rows change, and what goes when it gets narrow."""

from dataclasses import dataclass
from datetime import datetime

from textual.app import App, ComposeResult

from bawt_console.formatting import Phrase, phrase
from bawt_console.widgets.columns import Column
from bawt_console.widgets.table import LiveTable
from bawt_console.widgets.themes import DAY, NIGHT
from tests.console.believable import NOW


@dataclass(frozen=True, slots=True)
class Row:
    key: int
    text: str = "text"


class TableApp(App[None]):
    """A table of rows and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(NIGHT)
        self.theme = NIGHT.name
        self.now = NOW
        self.painted = 0
        self.messages: list[str] = []

    def compose(self) -> ComposeResult:
        def text(row: Row, now: datetime) -> Phrase:
            self.painted += 1
            return phrase(f"{row.text} {now:%S}")

        yield LiveTable(
            [
                Column(title="Key", cell=lambda row, now: phrase(str(row.key)), width=6, keep=100),
                Column(title="Text", cell=text, width=10, most=30, keep=50),
                Column(title="Extra", cell=lambda row, now: phrase("extra"), width=20, keep=10),
            ],
            key=lambda row: row.key,
            now=lambda: self.now,
            id="table",
        )

    def on_live_table_near_end(self) -> None:
        self.messages.append("near end")

    @property
    def table(self) -> LiveTable[Row]:
        return self.query_one("#table", LiveTable)

    def line(self, y: int) -> str:
        return self.table.render_line(y).text

    def shown(self) -> str:
        """What is on the screen, without painting anything anew."""
        strips = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def rows(start: int, end: int) -> list[Row]:
    return [Row(number) for number in range(start, end)]


async def test_the_cursor_stays_on_its_row_while_rows_come_and_go() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(10, 20))
        app.table.focus()
        await pilot.press("down", "down")
        app.table.show(rows(5, 20))
        await pilot.pause()
        assert app.table.selected == Row(12)
        app.table.show([row for row in rows(5, 20) if row.key != 12])
        await pilot.pause()
        assert app.table.selected == Row(13), "a row that is gone leaves the cursor near its place"
        app.table.show([])
        await pilot.pause()
        assert app.table.selected is None


async def test_the_view_moves_with_the_cursor_when_rows_come_above_it() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(100, 200))
        app.table.focus()
        await pilot.press(*["down"] * 30)
        await pilot.pause()
        before = app.table.cursor - app.table.scroll_offset.y
        app.table.show(rows(50, 200))
        await pilot.pause()
        assert app.table.selected == Row(130)
        assert app.table.cursor - app.table.scroll_offset.y == before


async def test_new_rows_show_at_the_top_while_the_view_is_there() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(10, 50))
        await pilot.pause()
        app.table.show(rows(9, 50))
        await pilot.pause()
        assert app.table.scroll_offset.y == 0
        assert app.line(1).split()[0] == "9"
        assert app.table.selected == Row(10)


async def test_a_thousand_rows_are_only_painted_where_they_are_seen() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 100_000))
        await pilot.pause()
        assert app.painted < 200


async def test_a_tick_repaints_only_when_a_line_looks_different() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 3))
        await pilot.pause()
        app.now = NOW.replace(second=8)
        app.table.tick()
        await pilot.pause()
        assert "text 08" in app.shown()


async def test_rows_go_on_telling_the_time_after_the_table_got_another_size() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 3))
        await pilot.pause()
        for second, size in enumerate(((80, 12), (80, 20), (60, 9)), start=10):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            app.now = NOW.replace(second=second)
            app.table.tick()
            await pilot.pause()
            assert app.shown().count(f"text {second}") == 3


async def test_narrow_tables_lose_the_least_important_columns_first() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 3))
        await pilot.pause()
        assert app.line(0).split() == ["Key", "Text", "Extra"]
        await pilot.resize_terminal(30, 12)
        await pilot.pause()
        assert app.line(0).split() == ["Key", "Text"]
        await pilot.resize_terminal(12, 12)
        await pilot.pause()
        assert app.line(0).split() == ["Key"]


async def test_every_line_is_exactly_as_wide_as_the_table() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(
            [Row(1, "wide 你好你好你好你好你好你好你好 and more"), Row(2, "two\nlines"), Row(3, "🙂" * 40)]
        )
        for width in (60, 41, 33, 12, 5):
            await pilot.resize_terminal(width, 12)
            await pilot.pause()
            for y in range(12):
                assert app.table.render_line(y).cell_length == app.table.size.width


async def test_reaching_the_end_asks_for_more() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 100))
        app.table.focus()
        await pilot.pause()
        assert app.messages == []
        await pilot.press("end")
        await pilot.pause()
        assert app.messages


async def test_clicking_a_row_puts_the_cursor_on_it() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.table.show(rows(0, 20))
        await pilot.click("#table", offset=(3, 5))
        assert app.table.selected == Row(4)


async def test_a_line_that_looks_as_before_is_the_same_and_another_theme_makes_it_anew() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.register_theme(DAY)
        app.table.show([Row(1), Row(2)])
        before = app.table.render_line(2)
        assert app.table.render_line(2) is before
        app.table.show([Row(1), Row(2, "other")])
        assert "other" in app.table.render_line(2).text
        app.table.show([Row(1), Row(2)])
        assert app.table.render_line(2) is before
        app.theme = DAY.name
        await pilot.pause()
        assert app.table.render_line(2).text == before.text
        assert list(app.table.render_line(2)) != list(before)


async def test_a_column_is_as_wide_as_its_widest_cell_whichever_rows_are_new() -> None:
    measured: list[int] = []

    def natural(row: Row) -> str:
        measured.append(row.key)
        return row.text

    column = Column(title="Text", cell=lambda row, now: phrase(row.text), width=4, most=30, natural=natural)

    class MeasuringApp(TableApp):
        def compose(self) -> ComposeResult:
            yield LiveTable([column], key=lambda row: row.key, id="table")

    app = MeasuringApp()
    async with app.run_test(size=(60, 10)):
        table: LiveTable[Row] = app.query_one("#table", LiveTable)
        rows = [Row(1, "short"), Row(2, "of some length")]
        table.show(rows)
        assert table._naturals == (14,)
        measured.clear()
        table.show([rows[0], Row(2, "brief"), rows[1]])
        assert measured == [2], "only the new one"
        assert table._naturals == (14,)
        table.show([rows[0]])
        assert table._naturals == (5,)
        table.show([])
        assert table._naturals == (0,)
