from __future__ import annotations

from dataclasses import replace

import pytest

from investbot.tui.model import Detail, Link
from tests.tui.fakes import DETAIL, LARGE, SMALL, dash, row, said, shown

pytestmark = pytest.mark.usefixtures("blockbuster")
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
async def test_an_instance_in_one_look(size: tuple[int, int]) -> None:
    app, _, _ = dash()
    async with app.run_test(size=size) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        screen = shown(app)
        assert screen.splitlines()[0] == "  PAPER  alpha RUNNING  supervisor up"
        assert "equity 503.21 USDT   cash 424.57   day +1.20   total +3.21   of 500.00" in screen
        assert "trading ACTIVE   win rate 61.0%   profit factor 1.30   drawdown 1.25%" in screen
        assert "figures <2s old   last candle 2026-01-02 03:03:00Z, 1m ago   up 5m" in screen
        assert "on binance BTC/USDT 5m conservative_scalp" in screen
        assert "signal LONG BTC/USDT 0.70 pullback in an up trend" in screen
        assert "positions, read <2s ago" in screen
        assert "stop kept in simulation at 63,200.00, target" in screen
        assert "stop      63,200.00 ACKNOWLEDGED in simulation" in screen


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("1", "1-stop"),
        ("2", "1-entry-1"),
        ("3", "-1.02R stop (gap)"),
        ("4", "denied: open_positions 1 > 1"),
        ("5", "candle_flagged symbol=BTC/USDT"),
        ("l", "no json"),
    ],
)
async def test_digits_bring_the_panels(key: str, text: str) -> None:
    app, _, _ = dash()
    async with app.run_test(size=(200, 40)) as pilot:
        await pilot.press("enter", "3", key)
        await pilot.pause()
        assert text.replace("1-stop", "stop of plan 1") in shown(app)


async def test_the_log_of_a_row_with_one_key() -> None:
    app, _, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("l")
        await pilot.pause()
        assert "candle_flagged" in shown(app)


async def test_stale_figures_say_so() -> None:
    app, reader, clock = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        clock.seconds += 8
        reader.snapshot = replace(reader.snapshot, link=Link.LOST)
        await app.poll()
        await pilot.pause()
        screen = shown(app)
        assert "SUPERVISOR GONE, figures 8s old" in screen
        assert "figures 8s old   STALE" in screen
        assert "positions, read 8s ago" in screen


async def test_paused_with_its_cause_and_an_error() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        reader.put(row(paused={"stale:BTC/USDT": "no candle"}, error="No candle for 5 minutes.", profit_factor=None))
        await app.poll()
        await pilot.pause()
        assert "trading PAUSED   by stale:BTC/USDT" in shown(app)
        assert "error No candle for 5 minutes." in shown(app)
        assert "profit factor -" in shown(app)


async def test_an_instance_that_was_removed() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        reader.put(row(name="other"))
        await app.poll()
        await pilot.press("s")
        await pilot.pause()
        assert "alpha is not there any more; esc goes back." in shown(app)
        assert reader.asked == []


async def test_what_could_not_be_read_is_said() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        reader.detail = Detail("alpha", None, why="The ledger is locked.")
        await pilot.press("enter")
        await pilot.pause()
        assert "The ledger is locked." in shown(app)
        assert "positions, not read" in shown(app)


async def test_close_the_position_under_the_cursor_after_a_question() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert "Sell the whole position in BTC/USDT of alpha?" in shown(app)
        await pilot.press("n")
        await pilot.pause()
        assert reader.asked == []
        await pilot.press("x", "y")
        await pilot.pause()
        assert reader.asked == [("close", (), {"name": "alpha", "symbol": "BTC/USDT"})]


async def test_nothing_held_nothing_to_close() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        reader.detail = replace(DETAIL, positions=())
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert "nothing is held" in shown(app)
        assert said(app) == ["Nothing is held."]
        assert reader.asked == []
