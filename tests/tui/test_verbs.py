from __future__ import annotations

from investbot.tui.verbs import CLOSE, FLATTEN, PAUSE, RESTART, RESUME, START, STOP, Wish, named, to_pause, to_start
from tests.tui.fakes import row


def test_what_runs_is_restarted_what_stands_still_is_started() -> None:
    rows = [row(), row(name="b", state="EXITED"), row(name="c", state="STOPPED", mode="live"), row(name="d")]
    assert to_start(rows) == [
        Wish(RESTART, ("alpha", "d")),
        Wish(START, ("b",)),
        Wish(START, ("c",), {"yes": True}),
    ]
    assert to_start([]) == []


def test_only_a_start_with_real_money_is_asked_about() -> None:
    assert Wish(START, ("c",), {"yes": True}).question == "c trades REAL money. Start?"
    assert Wish(START, ("b",)).question == ""
    assert Wish(STOP, ("b",)).question == ""
    assert Wish(RESTART, ("b",)).question == ""
    assert Wish(PAUSE, ("b",)).question == ""


def test_selling_is_asked_about_by_name() -> None:
    assert Wish(FLATTEN, ("a", "b")).question == "Cancel all orders and sell everything of a, b?"
    close = Wish(CLOSE, (), {"name": "a", "symbol": "BTC/USDT"})
    assert close.question == "Sell the whole position in BTC/USDT of a?"


def test_pause_and_resume_are_one_key() -> None:
    rows = [row(), row(name="b", paused=["operator"]), row(name="c", trading_state="HALTED")]
    assert to_pause(rows) == [Wish(RESUME, ("b", "c")), Wish(PAUSE, ("alpha",))]
    assert to_pause([row()]) == [Wish(PAUSE, ("alpha",))]


def test_nobody_named_is_no_wish() -> None:
    assert named(STOP, []) == []
    assert named(STOP, [row()]) == [Wish(STOP, ("alpha",))]
