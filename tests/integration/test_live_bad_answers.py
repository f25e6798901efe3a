"""Answers that make no sense: entries stop, the loop goes on, nothing secret is written down."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.domain import events as e
from investbot.domain.order import OrderState, Role
from tests.integration.live_exchange import ONCE, Stage, staged, wait_for


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "fleet") as stage:
        stage.add("alpha", "main", *ONCE)
        stage.exchange.do("streams", kind="refuse", channel="user", count=1000)
        yield stage


def pauses(stage: Stage) -> list[tuple[type[object], str]]:
    kinds = (e.EntriesPaused, e.EntriesResumed)
    return [(type(event), event.cause) for event in stage.fleet.events("alpha") if isinstance(event, kinds)]


def no_secret_is_written(stage: Stage) -> None:
    written = b"".join(path.read_bytes() for path in stage.fleet.home.path.rglob("*.log"))
    assert written
    for secret in stage.exchange.card["keys"]["main"].values():
        assert secret.encode() not in written


@pytest.mark.timeout(300)
def test_answers_that_make_no_sense_stop_entries_and_never_the_loop(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    wait_for(lambda: child.ready, what="readiness")
    stage.fault("GET *", "html", when="after", count=None, key="main")
    wait_for(lambda: (e.EntriesPaused, "venue") in pauses(stage), seconds=90, what="a pause")
    assert not child.ended
    stage.exchange.do("clear")
    wait_for(lambda: (e.EntriesResumed, "venue") in pauses(stage), seconds=90, what="its end")
    assert not child.ended
    assert stage.is_protected()
    assert stage.entered() == 1
    stage.settles()
    no_secret_is_written(stage)


def test_odd_answers_to_all_that_is_sent_leave_one_position_and_no_doubt(stage: Stage) -> None:
    for kind in ("html", "empty", "nan"):
        stage.fault("POST order", kind, when="after", count=1)
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    stage.settles()
    assert stage.entered() == 1
    assert not stage.book().unknown
    doubted = [event for event in stage.events("alpha", e.OrderChanged) if event.state is OrderState.UNKNOWN]
    assert doubted
    assert not child.ended
    no_secret_is_written(stage)


def test_a_balance_that_went_down_by_itself_ends_entries_with_both_numbers(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    stage.settles()
    child.kill()
    held = sum(stage.book().held.values(), Decimal(0))
    (stop,) = stage.orders(type="STOP_LOSS", status="NEW")
    stage.exchange.do("cancel", key="human", symbol="BTCUSDT", orderId=stop["orderId"])
    free = Decimal(stage.exchange.truth()["balances"]["BTC"]["free"])
    left = held / 2
    stage.exchange.do("balance", account="main", asset="BTC", delta=str(left - free))
    child = stage.start()
    changed = wait_for(lambda: stage.events("alpha", e.TradingStateChanged), what="the end of entries")
    assert changed[0].state.value == "REDUCING"
    assert f"The ledger holds {held} BTC and the account has" in changed[0].reason
    assert not child.ended
    assert Role.ENTRY not in {
        event.order.role for event in stage.events("alpha", e.OrderPlaced) if event.at > changed[0].at
    }
