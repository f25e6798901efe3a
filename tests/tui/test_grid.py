from __future__ import annotations

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from investbot.tui.figures import Cell, Tone
from investbot.tui.widgets.grid import Grid, Head
from tests.tui.fakes import shown


class CountingGrid(Grid):
    """Counts the lines it is asked to paint."""

    painted = 0

    def render_line(self, y: int) -> Strip:
        self.painted += 1
        return super().render_line(y)


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield CountingGrid((Head("NAME", 6), Head("EQUITY", 8, right=True)), empty="nothing")


async def settled(pilot: Pilot[None]) -> CountingGrid:
    """Wait until nothing is left to paint, and count from there."""
    grid = pilot.app.query_one(CountingGrid)
    painted = -1
    while grid.painted != painted:
        painted = grid.painted
        await pilot.pause(0.05)
    grid.painted = 0
    return grid


def shown_id(grid: Grid) -> str | None:
    return grid.current


def rows(**equity: str) -> list[tuple[str, tuple[Cell, ...]]]:
    return [(name, (Cell(name), Cell(value))) for name, value in equity.items()]


async def test_only_what_changed_is_painted() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        grid = app.query_one(CountingGrid)
        grid.show(rows(a="1.00", b="2.00", c="3.00"))
        await settled(pilot)
        grid.show(rows(a="1.00", b="2.00", c="3.00"))
        await pilot.pause(0.05)
        assert grid.painted == 0
        grid.show(rows(a="1.00", b="9.00", c="3.00"))
        await pilot.pause(0.05)
        assert grid.painted == 1
        assert "b          9.00" in shown(app)


async def test_a_change_of_looks_alone_is_painted() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        grid = app.query_one(CountingGrid)
        grid.show([("a", (Cell("a"), Cell("1")))])
        await settled(pilot)
        grid.show([("a", (Cell("a"), Cell("1", Tone.BAD)))])
        await pilot.pause(0.05)
        assert grid.painted == 1


async def test_the_cursor_stays_on_its_row_when_the_order_changes() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        grid = app.query_one(CountingGrid)
        grid.focus()
        grid.show(rows(a="1", b="2", c="3"))
        await pilot.press("down")
        assert grid.current == "b"
        grid.show(rows(c="3", a="1", b="2"))
        await pilot.pause()
        assert grid.current == "b"
        assert grid.cursor_row == 2


async def test_rows_come_and_go() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        grid = app.query_one(CountingGrid)
        grid.show([])
        assert shown_id(grid) is None
        assert grid.border_subtitle == "nothing"
        grid.show(rows(a="1", b="2", c="3"))
        await pilot.pause()
        assert grid.border_subtitle == ""
        grid.move_cursor(row=2)
        grid.show(rows(a="1"))
        await pilot.pause()
        assert shown_id(grid) == "a"
        assert "b" not in shown(app)
        grid.show(rows(a="1", d="4"))
        await pilot.pause()
        assert "d             4" in shown(app)


async def test_what_does_not_fit_ends_in_an_ellipsis() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        grid = app.query_one(CountingGrid)
        grid.show([("a", (Cell("abcdefgh"), Cell("LIVE", Tone.LIVE)))])
        await pilot.pause()
        assert "abcde…    LIVE" in shown(app)
