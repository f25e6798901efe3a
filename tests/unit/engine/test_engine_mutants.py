"""Corners of the money core: each test stands for a way in which it once could, or might, go wrong unnoticed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.codec import decode, encode, kind
from investbot.domain.market import Quality
from investbot.domain.order import Fill, OrderReport, OrderState, Role, Side
from investbot.domain.rules import CostRules
from investbot.domain.states import TradingState
from investbot.engine.spec import EngineSpec
from tests.unit.engine.builders import (
    FIVE,
    LONG,
    NO_AGE,
    OTHER,
    SHORT,
    START,
    SYMBOL,
    Host,
    bar,
    entered,
    flat,
    spec,
    with_risk,
)

NOTHING = Decimal(0)
TWO = (SYMBOL, OTHER)


def ask(host: Host, action: f.Action, **more: object) -> list[e.Event]:
    return host.tell(f.OperatorRequest(host.state.last_at, action, **more))  # type: ignore[arg-type]


def again(host: Host, terms: EngineSpec | None = None) -> Host:
    """Another host that only knows what the first one's ledger tells."""
    other = Host(terms or host.terms)
    for event in host.events:
        other.engine.apply(decode(kind(event), encode(event)))
    return other


# ---- what a candle led to waits for the next open ---------------------------------------------------------------


@pytest.mark.parametrize(
    "fact",
    [
        f.Timer(START + 2 * FIVE.ms + 1),
        f.DataStale(START + 2 * FIVE.ms, SYMBOL, "late"),
        f.SupervisorLost(START + 2 * FIVE.ms),
        f.OperatorRequest(START + 2 * FIVE.ms, f.Action.PAUSE),
        f.OperatorRequest(START + 2 * FIVE.ms, f.Action.ALLOCATE, amount=Decimal(11_000)),
        f.SourceEnded(START + 2 * FIVE.ms, close=False),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_an_exit_waits_for_the_next_open_whatever_else_happens_before(fact: f.Fact) -> None:
    host = entered(script={2: SHORT})
    host.tell(fact)
    assert [o.order.role for o in host.state.orders.values()] == [Role.EXIT]
    host.feed(flat(3, "101"))
    assert host.of(e.PositionClosed)[0].trip.exit_price == 101


@pytest.mark.parametrize(
    "fact",
    [
        f.OperatorRequest(START + 2 * FIVE.ms, f.Action.FLATTEN),
        f.OperatorRequest(START + 2 * FIVE.ms, f.Action.CLOSE, symbol=SYMBOL),
        f.SourceEnded(START + 2 * FIVE.ms, close=True),
    ],
    ids=["flatten", "close", "end"],
)
def test_whoever_wants_to_be_out_now_hurries_an_exit_that_waits(fact: f.Fact) -> None:
    host = entered(script={2: SHORT})
    host.tell(fact)
    assert host.of(e.PositionClosed)[0].trip.exit_price == 100


def test_closing_one_symbol_does_not_hurry_another() -> None:
    host = Host(spec(symbols=TWO, risk=with_risk(max_open_positions=2)), {1: LONG, 2: SHORT})
    for number in (1, 2):
        host.feed(flat(number), flat(number, "50", symbol=OTHER))
    ask(host, f.Action.CLOSE, symbol=SYMBOL)
    assert [trip.trip.symbol for trip in host.of(e.PositionClosed)] == [SYMBOL]


@pytest.mark.parametrize("number", [0, 2])
def test_a_repeat_or_a_straggler_fills_nothing(number: int) -> None:
    """A bar that was told already, or comes after a later one, is no second chance for resting orders."""
    host = Host(script={2: LONG}).feed(flat(1), flat(2), flat(3), flat(5))
    before = list(host.events)
    host.feed(replace(bar(4, "100", "103", "97", "100"), opened_at=START + (3 + number // 2) * FIVE.ms))
    assert host.events == before


# ---- money that is spoken for -----------------------------------------------------------------------------------


def test_cash_that_a_waiting_entry_may_spend_is_not_taken_away() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    told = ask(host, f.Action.ALLOCATE, amount=Decimal(100))
    assert isinstance(told[0], e.RequestRefused)
    assert "free cash" in told[0].reason
    host.feed(flat(2))
    assert host.state.cash > 0


def test_all_that_is_free_may_go_and_the_waiting_entry_is_paid_to_the_last_fee() -> None:
    costs = CostRules(Decimal("0.00123456"), NOTHING, Decimal("0.002"))
    host = Host(spec(costs=costs), {1: LONG}).feed(flat(1))
    free = host.state.free_cash(costs.taker_fee)
    assert isinstance(ask(host, f.Action.ALLOCATE, amount=10_000 - free)[0], e.CapitalAllocated)
    host.feed(flat(2))
    assert host.of(e.PositionOpened)
    assert 0 <= host.state.cash < Decimal("0.001")


def test_adding_money_is_never_refused() -> None:
    host = Host().feed(flat(1))
    host.state.cash = Decimal(-1)
    assert isinstance(ask(host, f.Action.ALLOCATE, amount=Decimal(10_000) + 1)[0], e.CapitalAllocated)


# ---- limits -----------------------------------------------------------------------------------------------------


def test_a_drawdown_halts_when_the_last_thing_to_wait_for_was_an_entry() -> None:
    """One symbol breaks the drawdown while the other's entry waits and then expires."""
    terms = spec(symbols=TWO, risk=with_risk(max_open_positions=2, max_drawdown_fraction=Decimal("0.00009")))
    host = Host(terms, {1: LONG}).feed(flat(1), flat(2), flat(2, "50", symbol=OTHER))
    host.feed(bar(3, "90", "90", "90", "90"))
    assert (host.state.trading_state, list(host.state.holdings)) == (TradingState.REDUCING, ["2"])
    host.feed(flat(3, "60", symbol=OTHER))
    assert not host.state.holdings
    assert host.state.trading_state is TradingState.HALTED


def test_an_alert_on_a_bar_that_looks_wrong_leads_to_no_entry() -> None:
    host = Host().feed(flat(1), flat(2, "5000"))
    host.tell(f.Alert(host.state.last_at, SYMBOL, "tradingview", LONG))
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["candle_quality"]


def test_a_candle_on_time_ends_a_stale_pause_that_an_earlier_process_left() -> None:
    host = Host(script={3: LONG}).feed(flat(1))
    host.tell(f.DataStale(host.state.last_at, SYMBOL, "no candle"))
    host.feed(replace(flat(2), quality=Quality.LATE))
    assert host.state.paused
    host.feed(flat(3))
    assert [resumed.cause for resumed in host.of(e.EntriesResumed)] == [f"stale:{SYMBOL}"]
    assert host.of(e.PlanMade)


def test_a_candle_on_time_lifts_no_other_pause() -> None:
    host = Host(spec(symbols=TWO)).feed(flat(1))
    host.tell(f.DataStale(host.state.last_at, OTHER, "no candle"))
    ask(host, f.Action.PAUSE)
    host.feed(flat(2))
    assert set(host.state.paused) == {"operator", f"stale:{OTHER}"}


# ---- protection -------------------------------------------------------------------------------------------------


def test_a_stop_that_has_gone_off_is_not_taken_back_by_the_trail() -> None:
    costs = CostRules(NOTHING, NOTHING, NOTHING, bar_share=Decimal("0.01"))
    exits = replace(NO_AGE, trailing_fraction=Decimal("0.01"), targets=((Decimal("0.5"), Decimal(1)),))
    host = entered(spec(costs=costs, exits=exits))
    host.feed(bar(3, "100", "103", "98", "102.90", volume=40.0))
    assert host.of(e.OrderFilled)[-1].order_id == "1-stop-2"
    held = host.state.holdings["1"].quantity
    assert held > 0
    host.feed(flat(4, "102.90"))
    assert host.of(e.OrderFilled)[-1].order_id == "1-stop-2"
    assert host.state.holdings == {} or host.state.holdings["1"].quantity < held


def test_a_refused_exit_is_asked_for_again_at_the_next_candle() -> None:
    host = entered(script={2: SHORT})
    order_id = next(iter(host.state.orders))
    host.book.cancel(order_id, host.state.last_at)
    host.tell(OrderReport(host.state.last_at, order_id, OrderState.REJECTED, reason="too many requests"))
    assert not host.state.orders
    host.feed(flat(3))
    assert [o.order.role for o in host.state.orders.values()] == [Role.EXIT]
    host.feed(flat(4))
    assert host.of(e.PositionClosed)


def test_a_dearer_second_fill_lifts_the_stop_with_the_average_and_a_cheaper_one_leaves_it() -> None:
    for second, stop in (("100.20", "99.10"), ("99.00", "99.00")):
        host = Host(script={1: LONG}).feed(flat(1))
        order = host.of(e.OrderPlaced)[0].order
        part = Decimal("0.5")
        for number, price in enumerate(("100", second)):
            at = START + FIVE.ms
            fill = Fill(at, order.order_id, f"t{number}", SYMBOL, Side.BUY, Decimal(price), part, NOTHING, "USDT")
            host.events += host.engine.take([fill])
        newest = [placed.order for placed in host.of(e.OrderPlaced) if placed.order.role is Role.STOP][-1]
        assert (newest.stop_price, newest.quantity) == (Decimal(stop), 2 * part)


# ---- what a ledger tells ----------------------------------------------------------------------------------------


def test_after_a_sale_between_two_candles_a_restart_tells_the_same() -> None:
    costs = CostRules()
    host = entered(spec(costs=costs))
    ask(host, f.Action.FLATTEN)
    other = again(host)
    for candle in (flat(1), flat(2)):
        other.engine.warm(candle)
    assert other.engine.summary() == host.engine.summary()


def test_a_ledger_that_once_traded_more_symbols_can_be_read() -> None:
    terms = spec(symbols=TWO, risk=with_risk(max_open_positions=2))
    host = Host(terms, {1: LONG, 2: SHORT})
    for number in (1, 2, 3):
        host.feed(flat(number), flat(number, "50", symbol=OTHER))
    assert len(host.of(e.PositionClosed)) == 2
    assert again(host, spec()).state.cash == host.state.cash


def test_a_stop_kept_by_the_instance_that_the_market_jumps_over_is_a_gap() -> None:
    host = entered()
    host.tell(OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="would trigger"))
    host.book.cancel("1-stop-2", host.state.last_at)
    host.feed(flat(3, "99"), flat(4, "90"))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.exit_reason, trip.exit_price, trip.gapped) == ("stop", Decimal(90), True)


def test_a_trail_behind_a_stop_that_was_not_resized_covers_what_is_held() -> None:
    ladder = ((Decimal("0.01"), Decimal("0.5")), (Decimal("0.5"), Decimal("0.5")))
    host = entered(spec(exits=replace(NO_AGE, trailing_fraction=Decimal("0.01"), targets=ladder)))
    order_id = "1-stop-2"
    sold = Fill(host.state.last_at, "1-target-3", "t", SYMBOL, Side.SELL, Decimal(101), Decimal("0.9"), NOTHING, "USDT")
    newest = [event for event in host.engine.take([sold]) if isinstance(event, e.OrderPlaced)][-1].order
    host.engine.take([OrderReport(sold.at, newest.order_id, OrderState.REJECTED, reason="not today")])
    assert host.state.orders[order_id].remaining > host.state.holdings["1"].quantity
    placed = [
        event.order
        for event in host.engine.handle(bar(3, "101", "104", "101", "104"))
        if isinstance(event, e.OrderPlaced)
    ]
    assert [order.quantity for order in placed] == [host.state.holdings["1"].quantity]
    assert placed[0].reason == "trailing"


def test_a_stop_in_doubt_is_not_trailed() -> None:
    host = entered(spec(exits=replace(NO_AGE, trailing_fraction=Decimal("0.005"))))
    host.engine.take([OrderReport(host.state.last_at, "1-stop-4", OrderState.UNKNOWN)])
    assert not [o for o in host.engine.handle(bar(3, "100", "101", "100", "101")) if isinstance(o, e.OrderPlaced)]
