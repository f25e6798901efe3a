from __future__ import annotations

import pytest
from textual.widgets import Input

from investbot.tui.model import Link
from investbot.tui.screens.fleet import FleetScreen
from investbot.tui.screens.instance import InstanceScreen
from tests.tui.fakes import FLEET, LARGE, SMALL, dash, row, said, shown

pytestmark = pytest.mark.usefixtures("blockbuster")
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


@SIZES
async def test_the_fleet_in_one_look(size: tuple[int, int]) -> None:
    app, _, _ = dash()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        screen = shown(app)
        head, live, paper = screen.splitlines()[:3]
        assert " LIVE 1 " in head
        assert " PAPER 2 " in head
        assert "supervisor up" in head
        assert "1 FATAL, 2 RUNNING" in head
        assert live == " LIVE USDC equity 1,000.00  day 0.00  total -25.50"
        assert paper == " PAPER USDT equity 600.01  day -2.00  total +0.01"
        [line] = [line for line in screen.splitlines() if line.startswith("│alpha")]
        for figure in ("PAPER", "RUNNING", "ACTIVE", "503.21", "+1.20", "+3.21", "<2s"):
            assert figure in line
        [line] = [line for line in screen.splitlines() if line.startswith("│charlie")]
        assert "PAUSED" in line
        assert "-3.20" in line
        assert "alpha  binance BTC/USDT 5m conservative_scalp  up 5m  55 MB" in screen
        assert "signal  LONG BTC/USDT 0.70 pullback in an up trend" in screen


@SIZES
async def test_the_error_under_the_cursor_is_told_in_full(size: tuple[int, int]) -> None:
    app, _, _ = dash()
    async with app.run_test(size=size) as pilot:
        await pilot.press("down")
        await pilot.pause()
        error = "error   The venue does not accept the key; set it with `investbot keys set bravo`."
        assert error in " ".join(shown(app).split()).replace("error ", "error   ")


async def test_figures_grow_old_and_say_so() -> None:
    app, reader, clock = dash()
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        clock.seconds += 7
        app.look()
        await pilot.pause()
        screen = shown(app)
        assert "SUPERVISOR SILENT 7s" in screen
        [line] = [line for line in screen.splitlines() if line.startswith("│alpha")]
        assert "7s!" in line
        assert " PAPER " in line
        reader.put(*FLEET)
        await app.poll()
        await pilot.pause()
        assert "SILENT" not in shown(app)
        assert "7s!" not in shown(app)


async def test_one_instance_that_does_not_beat_is_stale_alone() -> None:
    app, _, _ = dash(rows=(row(), row(name="bravo", heartbeat_age_s=12.0)))
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        lines = {line[1:6]: line for line in shown(app).splitlines() if line.startswith("│")}
        assert "12s!" in lines["bravo"]
        assert "!" not in lines["alpha"]
        assert "supervisor up" in shown(app)


async def test_a_supervisor_that_dies_is_said_at_once_and_the_figures_stay() -> None:
    app, reader, clock = dash()
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        reader.snapshot = type(reader.snapshot)(FLEET, Link.LOST, clock.seconds, "gone")
        clock.seconds += 3
        await app.poll()
        await pilot.pause()
        screen = shown(app)
        assert "SUPERVISOR GONE, figures 3s old" in screen
        assert "last known: 1 FATAL, 2 RUNNING" in screen
        assert "503.21" in screen
        assert "3s!" in screen


async def test_without_a_supervisor_the_ledgers_are_shown() -> None:
    app, reader, clock = dash()
    reader.put(row(state="STOPPED", heartbeat_age_s=None), link=Link.DOWN, why="No supervisor runs.")
    async with app.run_test(size=LARGE) as pilot:
        clock.seconds += 2
        await app.poll()
        await pilot.pause()
        screen = shown(app)
        assert "supervisor down, from the ledgers 2s ago" in screen
        assert "503.21" in screen
        reader.put(link=Link.DOWN, why="No supervisor runs.")
        await app.poll()
        await pilot.pause()
        assert "no instances" in shown(app)
        assert "No supervisor runs." in shown(app)
        assert "`investbot create` makes one" in shown(app)


async def test_filter_while_typing_keep_and_drop() -> None:
    app, _, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("slash", *"usdc")
        await pilot.pause()
        assert "│bravo" in shown(app)
        assert "│alpha" not in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "fleet 1 of 3  /usdc  name ↑" in shown(app)
        assert not app.screen.query_one(Input).display
        await pilot.press("escape")
        await pilot.pause()
        assert "fleet 3  name ↑" in shown(app)
        assert "│alpha" in shown(app)


async def test_letters_typed_into_the_filter_are_no_verbs() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("slash", *"srpf", "space", "exclamation_mark")
        await pilot.pause()
        assert reader.asked == []
        assert isinstance(app.screen, FleetScreen)
        assert app.screen.words == "srpf !"


async def test_shift_letters_sort_and_turn_round() -> None:
    app, _, _ = dash()

    def first_words() -> list[str]:
        return [line[1:].split()[0] for line in shown(app).splitlines() if line[:1] == "│" and line[1:2].isalpha()][1:]

    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("E")
        await pilot.pause()
        assert first_words() == ["bravo", "alpha", "charlie"]
        assert "equity ↓" in shown(app)
        await pilot.press("E")
        await pilot.pause()
        assert first_words() == ["charlie", "alpha", "bravo"]


async def test_a_verb_is_for_the_row_under_the_cursor() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("s", "r", "p")
        await pilot.pause()
        assert reader.asked == [("stop", ("alpha",), {}), ("restart", ("alpha",), {}), ("pause", ("alpha",), {})]
        assert "alpha: stop done" in said(app)


async def test_a_verb_is_for_all_marked_rows() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("space", "down", "down", "space")
        await pilot.pause()
        assert "●alpha" in shown(app)
        assert "2 marked" in shown(app)
        await pilot.press("s", "space", "p", "escape")
        await pilot.pause()
        assert reader.asked == [("stop", ("alpha", "charlie"), {}), ("pause", ("alpha",), {})]
        assert "●" not in shown(app)


async def test_an_instance_that_is_gone_is_not_marked_any_more() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("space")
        reader.put(*FLEET[1:])
        await app.poll()
        await pilot.pause()
        assert "marked" not in shown(app)


async def test_what_stands_still_is_started_and_real_money_asked_about() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("down", "r")
        await pilot.pause()
        assert "bravo trades REAL money. Start?" in shown(app)
        assert reader.asked == []
        await pilot.press("y")
        await pilot.pause()
        assert reader.asked == [("start", ("bravo",), {"yes": True})]


async def test_paused_entries_are_resumed() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("down", "down", "p")
        await pilot.pause()
        assert reader.asked == [("resume", ("charlie",), {})]


async def test_into_an_instance_and_back() -> None:
    app, _, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, InstanceScreen)
        assert app.screen.instance == "alpha"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)


async def test_an_empty_fleet_takes_keys_calmly() -> None:
    app, reader, _ = dash(rows=())
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("enter", "s", "f", "space", "l", "E", "exclamation_mark")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        assert reader.asked == []
        assert "no instances" in shown(app)
        assert said(app) == ["There is no instance to flatten."]


async def test_words_with_brackets_are_words() -> None:
    app, _, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("slash", "left_square_bracket", *"/a", "right_square_bracket")
        await pilot.pause()
        assert "/[/a]" in shown(app)
