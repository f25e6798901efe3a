"""One fault at a time at an exchange that is real to ccxt: what is known is what is there, once, and protected."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain.order import OrderState, Role
from tests.integration.live_exchange import ONCE, Stage, staged, wait_for

LOST = "reset"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "fleet") as stage:
        stage.add("alpha", "main", *ONCE)
        yield stage


def one_position(stage: Stage) -> None:
    """See that the exchange has one entry of ours, that the ledger knows all of it, and that its stop rests."""
    wait_for(stage.is_protected, what="protection")
    stage.settles()
    assert len(stage.orders(side="BUY")) == 1
    assert stage.entered() == 1
    assert stage.is_protected()
    assert not stage.book().unknown


def deaf(stage: Stage) -> None:
    """Leave the instance without its stream of own orders: it has to ask."""
    stage.exchange.do("streams", kind="refuse", channel="user", count=1000)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": LOST},
        {"kind": LOST, "count": 3},
        {"kind": "timeout", "seconds": 3.0},
        {"kind": "-1007"},
        {"kind": "missing", "fields": ["orderId"]},
        {"kind": "429"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_an_answer_that_is_lost_or_spoiled_makes_no_second_order(stage: Stage, fault: dict[str, Any]) -> None:
    deaf(stage)
    stage.fault("POST order", when="after", **fault)
    stage.start()
    one_position(stage)


def test_an_answer_that_is_lost_while_reads_lag_makes_no_second_order(stage: Stage) -> None:
    deaf(stage)
    stage.exchange.do("set", lag_s=4.0)
    stage.fault("POST order", LOST, when="after")
    stage.start()
    one_position(stage)
    doubted = [event for event in stage.events("alpha", e.OrderChanged) if event.state is OrderState.UNKNOWN]
    assert doubted


def test_a_kill_between_acceptance_and_answer_makes_no_second_order(stage: Stage) -> None:
    stage.fault("POST order", "delay", when="after", seconds=5.0)
    child = stage.start()
    wait_for(lambda: stage.orders(side="BUY"), what="the entry")
    child.kill()
    changes = stage.events("alpha", e.OrderChanged)
    assert [event.state for event in changes if event.order_id == "1-entry-1"] == [OrderState.SENT]
    stage.start()
    one_position(stage)


def test_a_request_that_never_arrived_is_no_order(tmp_path: Path) -> None:
    with staged(tmp_path / "fleet") as stage:
        stage.add("alpha", "main", *ONCE, "risk.max_entries_per_day=2")
        stage.fault("POST order", LOST, when="before")
        stage.start()
        one_position(stage)
        first = next(event.order for event in stage.events("alpha", e.OrderPlaced))
        ends = [event for event in stage.events("alpha", e.OrderChanged) if event.order_id == first.order_id]
        assert (ends[-1].state, ends[-1].reason) == (OrderState.REJECTED, "never accepted")


def test_the_lost_answer_to_an_exit_sells_nothing_twice(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    code, said = child.stop()
    assert code == 0, said
    stage.fault("POST order", LOST, when="after", match={"type": "MARKET"})
    answer = stage.fleet.flatten("alpha")
    assert answer["flat"]
    stage.settles()
    assert len(stage.orders(type="MARKET", side="SELL")) == 1
    assert [event.order.role for event in stage.events("alpha", e.OrderPlaced)].count(Role.FLATTEN) == 1


def test_a_lost_answer_to_a_cancel_leaves_nothing_behind(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    child.stop()
    stage.fault("DELETE order", LOST, when="after", count=2)
    assert stage.fleet.flatten("alpha")["flat"]
    stage.settles()
    assert not stage.orders(status="NEW")


def test_a_key_revoked_under_a_position_is_told_at_once_and_its_stop_still_sells(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    wait_for(lambda: child.ready, what="readiness")
    stage.exchange.do("key", name="main", revoked=True)
    told = wait_for(lambda: stage.said("key_refused"), what="a word to the operator")
    assert told[0]["level"] == "critical"
    assert told[0]["held"] == ["BTC/USDT"]
    wait_for(lambda: any(p.cause == "venue" for p in stage.events("alpha", e.EntriesPaused)), what="no more entries")
    stage.exchange.do("price", symbol="BTCUSDT", factor=0.94)
    wait_for(lambda: stage.orders(type="STOP_LOSS", status="FILLED"), what="the stop")
    assert not child.ended
    stage.exchange.do("key", name="main", revoked=False)
    wait_for(lambda: stage.events("alpha", e.PositionClosed), what="the booking of the stop")
    stage.settles()
    assert len(stage.said("key_refused")) == 1


def test_a_start_with_a_revoked_key_under_a_position_goes_on_trying_and_says_so(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    child.kill()
    stage.exchange.do("key", name="main", revoked=True)
    child = stage.start()
    wait_for(lambda: stage.said("key_refused"), what="a word to the operator")
    assert not child.ended
    stage.exchange.do("key", name="main", revoked=False)
    wait_for(lambda: child.ready, what="readiness")
    one_position(stage)


def test_a_position_that_lost_its_stop_to_a_stranger_gets_another(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    wait_for(lambda: child.ready, what="readiness")
    (stop,) = stage.orders(type="STOP_LOSS", status="NEW")
    stage.exchange.do("cancel", key="human", symbol="BTCUSDT", orderId=stop["orderId"])
    wait_for(stage.is_protected, what="another stop")
    stage.settles()
    assert len(stage.orders(type="STOP_LOSS")) == 2
    held = sum(stage.book().held.values(), Decimal(0))
    assert held > 0
