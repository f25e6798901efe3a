from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from investbot.domain.errors import TryAgain
from investbot.tui.app import Dash, run
from investbot.tui.model import Result, Snapshot
from investbot.tui.screens import dialogs
from investbot.tui.screens.dialogs import Confirm, Panic
from investbot.tui.screens.fleet import FleetScreen
from investbot.tui.screens.help import Help
from tests.tui.fakes import LARGE, SMALL, dash, said, shown

pytestmark = pytest.mark.usefixtures("blockbuster")


async def test_flatten_asks_and_enter_is_no_answer() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("f")
        await pilot.pause()
        assert "Cancel all orders and sell everything of alpha?" in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("escape")
        await pilot.pause()
        assert reader.asked == []
        await pilot.press("f", "y")
        await pilot.pause()
        assert reader.asked == [("flatten", ("alpha",), {})]


async def test_panic_takes_two_keys() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert isinstance(app.screen, Panic)
        assert "(3, 1 with REAL money): alpha, bravo, charlie" in shown(app)
        await pilot.press("y", "enter", "f")
        await pilot.pause()
        assert reader.asked == []
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert reader.asked == [("panic", (), {})]
        assert isinstance(app.screen, FleetScreen)


async def test_a_panic_key_grows_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "PANIC_S", 0.05)
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("exclamation_mark")
        await asyncio.sleep(0.1)
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        assert reader.asked == []


async def test_a_panic_can_be_called_off() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("exclamation_mark", "escape")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)
        assert reader.asked == []


@pytest.mark.parametrize(
    "keys", [("s",), ("r",), ("p",), ("f",), ("exclamation_mark",), ("enter", "x"), ("enter", "s")]
)
async def test_read_only_refuses_every_verb(keys: tuple[str, ...]) -> None:
    app, reader, _ = dash(read_only=True)
    async with app.run_test(size=SMALL) as pilot:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        assert reader.asked == []
        assert " READ-ONLY" in shown(app)
        assert said(app) == ["This dashboard is read-only; start it without --read-only to act."]
        assert not isinstance(app.screen, Confirm | Panic)


async def test_what_is_refused_is_said() -> None:
    app, reader, _ = dash()
    reader.answers = [Result("alpha", ok=False, message="A flatten of alpha was asked for just now.")]
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("s")
        await pilot.pause()
        assert "alpha: A flatten of alpha was asked for just now." in said(app)


async def test_a_verb_that_fails_does_not_take_the_screen_away() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        reader.fails = TryAgain("busy")
        await pilot.press("s")
        await pilot.pause()
        assert "stop failed: TryAgain: busy" in said(app)
        assert isinstance(app.screen, FleetScreen)


async def test_a_look_that_fails_does_not_take_the_screen_away() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        reader.fails = ZeroDivisionError("a bug")
        await app.poll()
        await pilot.pause()
        assert said(app) == ["The dashboard could not read: ZeroDivisionError: a bug"]
        reader.fails = None
        await app.poll()
        await pilot.pause()
        assert "503.21" in shown(app)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_help_names_the_keys(size: tuple[int, int]) -> None:
    app, _, _ = dash()
    async with app.run_test(size=size) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        assert "stop: finish the work in hand" in shown(app)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, FleetScreen)


async def test_the_palette_offers_the_verbs_by_name() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        titles = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"Stop", "Restart", "Pause", "Flatten", "Filter", "Sort by equity", "Help", "Quit"} <= set(titles)
        titles["Stop"].callback()
        await pilot.pause()
        assert reader.asked == [("stop", ("alpha",), {})]
        assert list(app.get_system_commands(Help())) == []
        await pilot.press("ctrl+p", *"flatten", "enter")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, Confirm)


async def test_quit_hangs_up() -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("q")
    assert reader.closed >= 1
    assert app.return_code == 0


async def test_a_slow_reader_is_asked_once_at_a_time() -> None:
    app, reader, _ = dash()
    asked = 0
    gate = asyncio.Event()
    at_once = reader.fleet

    async def slow() -> Snapshot:
        nonlocal asked
        asked += 1
        await gate.wait()
        return await at_once()

    reader.fleet = slow  # type: ignore[method-assign]
    async with app.run_test(size=SMALL) as pilot:
        app.look()
        app.look()
        await pilot.pause()
        assert asked == 1
        gate.set()
        await pilot.pause()
        app.look()
        await pilot.pause()
        assert asked == 2


def test_run_gives_the_exit_code_of_the_dashboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Dash] = []

    def headless(self: Dash) -> None:
        seen.append(self)
        self._return_code = 3

    monkeypatch.setattr(Dash, "run", headless)
    assert run(tmp_path / "run" / "supervisor.sock", read_only=True) == 3
    assert len(seen) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_gives_the_terminal_back(number: signal.Signals) -> None:
    app, reader, _ = dash()
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            while app.is_running:  # noqa: ASYNC110 - the signal reaches the loop when it does
                await asyncio.sleep(0.01)
    assert reader.closed >= 1
