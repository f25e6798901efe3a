"""Orders that counted as never accepted and that the venue has after all; entries that must not fill any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.order import Fill, Order, OrderReport, OrderState, Role, Side
from investbot.domain.signal import Direction, Signal
from investbot.domain.states import TradingState
from investbot.engine.engine import Engine
from investbot.engine.orders import GONE, NEVER_ACCEPTED, SURFACED
from investbot.engine.spec import EngineSpec
from tests.unit.engine.builders import FIVE, LONG, OTHER, START, SYMBOL, Scripted, bar, entered, flat, spec, with_risk
from tests.unit.engine.builders import Host as Simulated

TWO = (SYMBOL, OTHER)
BACK = f"{SURFACED}: the venue has it after all"


class Host(Simulated):
    """A host without a market: what becomes of its orders is told by the test; targets are kept."""

    def __init__(self, terms: EngineSpec | None = None, script: Mapping[int, Signal] | None = None) -> None:
        super().__init__(replace(terms or spec(), targets_rest=False), script)

    def feed(self, *candles: object) -> Host:
        for candle in candles:
            if not self.events:
                self.events += self.engine.begin(candle.opened_at)  # type: ignore[attr-defined]
            self.events += self.engine.handle(candle)  # type: ignore[arg-type]
        return self

    def report(self, order_id: str, state: OrderState, reason: str = "") -> list[e.Event]:
        told = self.engine.take([OrderReport(self.state.last_at, order_id, state, "77", reason)])
        self.events += told
        return told

    def fill(self, order_id: str, quantity: Decimal, price: str = "100", trade: str = "t1") -> list[e.Event]:
        order = self.order(order_id)
        fill = Fill(
            self.state.last_at, order_id, trade, order.symbol, order.side, Decimal(price), quantity, Decimal(0), "USDT"
        )
        told = self.engine.take([fill])
        self.events += told
        return told

    def order(self, order_id: str) -> Order:
        found: Order = next(p.order for p in self.of(e.OrderPlaced) if p.order.order_id == order_id)
        return found


def given_up(symbols: tuple[str, ...] = (SYMBOL,), **more: int) -> Host:
    """An entry of bar 1 that was never heard of again."""
    host = Host(spec(symbols=symbols, risk=with_risk(**more)), {1: LONG}).feed(flat(1))
    host.report("1-entry-1", OrderState.UNKNOWN)
    host.report("1-entry-1", OrderState.REJECTED, NEVER_ACCEPTED)
    assert not host.state.holdings
    assert host.state.ended["1-entry-1"].doubted
    return host


def test_an_entry_that_surfaces_is_booked_once_and_protected() -> None:
    host = given_up()
    order = host.order("1-entry-1")
    assert not host.fill("1-entry-1", order.quantity)
    told = host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)
    assert [type(event) for event in told] == [e.OrderChanged, e.CancelRequested]
    host.fill("1-entry-1", order.quantity)
    host.fill("1-entry-1", order.quantity)
    assert host.state.holdings["1"].quantity == order.quantity
    stop = next(o.order for o in host.state.orders.values())
    assert (stop.role, stop.quantity, stop.order_id) == (Role.STOP, order.quantity, "1-stop-2")
    assert "1-entry-1" not in host.state.ended


def test_a_replay_ends_where_the_engine_was() -> None:
    host = given_up()
    host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)
    host.fill("1-entry-1", Decimal(1))
    host.report("1-entry-1", OrderState.CANCELLED)
    again = Engine(host.terms, Scripted({}))
    for event in host.events:
        again.apply(event)
    again.state.marks = host.state.marks
    again.state.last_candle_at = host.state.last_candle_at
    again.state.floors = host.state.floors
    assert again.state == host.state
    assert again.state.holdings["1"].quantity == 1


def test_late_news_of_an_order_that_is_done_takes_nothing_up() -> None:
    host = given_up()
    assert not host.report("1-entry-1", OrderState.ACKNOWLEDGED)
    assert not host.report("9-entry-9", OrderState.ACKNOWLEDGED, BACK)


def test_a_position_whose_place_was_given_away_is_left_at_once() -> None:
    host = given_up(max_open_positions=1)
    host.engine._strategy = Scripted({2: LONG})
    host.feed(flat(2))
    host.fill("2-entry-1", host.order("2-entry-1").quantity, trade="t2")
    told = host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)
    assert isinstance(told[-1], e.CloseRequested)
    host.fill("1-entry-1", Decimal(1))
    host.report("1-entry-1", OrderState.CANCELLED)
    leaving = [o.order for o in host.state.orders.values() if o.order.plan_id == "1"]
    assert [(o.role, o.side, o.quantity) for o in leaving] == [(Role.EXIT, Side.SELL, Decimal(1))]


def test_another_symbol_leaves_room_for_what_surfaces_where_the_rules_do() -> None:
    host = given_up(TWO, max_open_positions=2)
    host.engine._strategy = Scripted({1: LONG})
    host.feed(flat(1, "50", symbol=OTHER))
    host.fill("2-entry-1", host.order("2-entry-1").quantity, "50", "t2")
    told = host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)
    assert not any(isinstance(event, e.CloseRequested) for event in told)


def test_a_sale_that_surfaces_is_booked_where_its_position_is_open_only() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    quantity = host.order("1-entry-1").quantity
    host.fill("1-entry-1", quantity)
    host.report("1-stop-2", OrderState.ACKNOWLEDGED)
    host.report("1-stop-2", OrderState.CANCELLED, GONE)
    assert host.state.orders["1-stop-3"]
    host.report("1-stop-2", OrderState.ACKNOWLEDGED, BACK)
    assert host.state.orders["1-stop-2"].cancel_asked
    host.report("1-stop-2", OrderState.CANCELLED, GONE)
    host.fill("1-stop-3", quantity, "99", "t9")
    assert not host.state.holdings
    assert not host.report("1-stop-2", OrderState.ACKNOWLEDGED, BACK)


def test_an_entry_of_a_round_trip_that_is_over_stays_what_it_was() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    host.fill("1-entry-1", Decimal(1))
    host.report("1-entry-1", OrderState.EXPIRED)
    host.fill("1-stop-2", Decimal(1), "99", "t2")
    assert not host.state.holdings
    assert not host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)


def test_an_order_that_was_withdrawn_before_is_not_withdrawn_twice() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    host.events += host.engine.handle(f.Reconciled(host.state.last_at, ("One is missing.",)))
    host.report("1-entry-1", OrderState.REJECTED, NEVER_ACCEPTED)
    assert [type(event) for event in host.report("1-entry-1", OrderState.ACKNOWLEDGED, BACK)] == [e.OrderChanged]


def test_only_the_newest_ends_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.engine.apply.ENDED_KEPT", 1)
    host = given_up()
    host.engine._strategy = Scripted({2: LONG})
    host.feed(flat(2))
    host.report("2-entry-1", OrderState.EXPIRED)
    assert list(host.state.ended) == ["2-entry-1"]
    assert not host.state.ended["2-entry-1"].doubted


# ---- entries that wait ------------------------------------------------------------------------------------------


def test_an_entry_that_waits_is_withdrawn_when_ledger_and_venue_differ() -> None:
    host = Simulated(script={1: LONG}).feed(flat(1))
    host.tell(f.Reconciled(host.state.last_at, ("Something is missing.",)))
    assert not host.state.orders
    assert not host.feed(flat(2)).of(e.OrderFilled)


def test_an_entry_does_not_fill_behind_a_hole_in_the_candles() -> None:
    host = Simulated(script={1: LONG}).feed(flat(1), flat(3))
    assert not host.of(e.OrderFilled)
    assert host.of(e.CancelRequested)[0].reason == "the candles have a hole"
    assert not host.state.holdings


def test_a_hole_in_one_symbol_is_none_in_another() -> None:
    terms = spec(symbols=TWO, risk=with_risk(max_open_positions=2))
    host = Simulated(terms, {2: LONG})
    host.feed(flat(1), flat(1, "50", symbol=OTHER), flat(2), flat(2, "50", symbol=OTHER))
    host.feed(flat(4, "50", symbol=OTHER), flat(3))
    assert [fill.symbol for fill in host.of(e.OrderFilled)] == [SYMBOL]


def test_the_strategy_is_told_of_a_position_once_there_is_one() -> None:
    host = Host(script={1: LONG}).feed(flat(1), flat(2))
    host.fill("1-entry-1", Decimal(1))
    host.feed(flat(3))
    assert host.strategy.seen == [False, False, True]


# ---- opinions that cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        replace(LONG, stop=float("inf")),
        replace(LONG, stop=float("nan")),
        replace(LONG, targets=(101.0, float("nan"))),
        replace(LONG, targets=(1e300,)),
        replace(LONG, confidence=float("nan")),
    ],
    ids=("infinite stop", "stop", "target", "far target", "confidence"),
)
def test_a_number_that_cannot_be_is_denied(odd: Signal) -> None:
    host = Simulated(script={1: odd}).feed(flat(1), flat(2))
    (denied,) = host.of(e.IntentDenied)
    assert denied.limit == "signal"
    assert "scripted gave" in denied.reason
    assert not host.of(e.OrderPlaced)


def test_a_wish_to_leave_counts_whatever_its_numbers() -> None:
    host = entered(script={2: Signal(Direction.SHORT, float("nan"), "out")})
    assert host.of(e.CloseRequested)[0].reason == "opposite signal"
    assert host.of(e.SignalRaised)[-1].confidence == 0.0


# ---- trading states ---------------------------------------------------------------------------------------------


def reconciled(host: Simulated, *differences: str) -> list[e.Event]:
    return host.tell(f.Reconciled(host.state.last_at, differences))


def test_resuming_after_a_difference_leaves_the_peak() -> None:
    host = Simulated().feed(flat(1))
    reconciled(host, "One is missing.")
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.RESUME))
    assert host.state.trading_state is TradingState.ACTIVE
    assert not host.of(e.PeakReset)


def broken() -> Simulated:
    """One that has lost more than its day may."""
    return entered(spec(risk=with_risk(daily_loss_fraction=Decimal("0.0001")))).feed(bar(3, "100", "100", "98", "98"))


def test_a_difference_told_on_a_lost_day_outlives_it() -> None:
    host = broken()
    assert host.state.reduced_by == "daily_loss"
    reconciled(host, "One is missing.")
    reconciled(host, "One is missing.")
    assert [paused.cause for paused in host.of(e.EntriesPaused)] == ["reconcile"]
    host.tell(f.Timer(START + 288 * FIVE.ms))
    assert host.state.trading_state is TradingState.ACTIVE
    assert host.state.paused == {"reconcile": "One is missing."}
    reconciled(host)
    assert not host.state.paused


def test_a_loss_on_top_of_a_difference_forgets_neither() -> None:
    host = entered(spec(risk=with_risk(daily_loss_fraction=Decimal("0.0001"))))
    reconciled(host, "One is missing.")
    host.feed(bar(3, "100", "100", "98", "98"))
    assert host.state.reduced_by == "daily_loss"
    assert set(host.state.paused) == {"reconcile"}


def test_a_source_that_has_grown_ends_once_more() -> None:
    host = entered()
    host.tell(f.SourceEnded(host.state.last_candle_at, close=False))
    assert not host.tell(f.SourceEnded(host.state.last_candle_at, close=True))
    host.feed(flat(3))
    told = host.tell(f.SourceEnded(host.state.last_candle_at, close=True))
    assert isinstance(told[0], e.SourceFinished)
    assert not host.state.holdings


# ---- marks of the past ------------------------------------------------------------------------------------------


def test_nothing_is_valued_or_ended_while_the_past_is_gone_through_again() -> None:
    host = Host(spec(risk=with_risk(daily_loss_fraction=Decimal("0.0001"))), {1: LONG}).feed(flat(1))
    quantity = host.order("1-entry-1").quantity
    host.fill("1-entry-1", quantity)
    again = Host(host.terms)
    for event in host.events:
        again.engine.apply(event)
    again.events = list(host.events)
    again.engine.reliving(on=True)
    again.engine.warm(flat(1, "40"))
    again.report("1-stop-2", OrderState.CANCELLED, GONE)
    assert again.state.orders["1-stop-3"]
    again.engine.take([OrderReport(START + 2 * FIVE.ms, "1-stop-3", OrderState.ACKNOWLEDGED)])
    again.fill("1-stop-3", quantity, "99", "t2")
    kinds = {type(event) for event in again.events[len(host.events) :]}
    assert kinds == {e.OrderChanged, e.OrderPlaced, e.OrderFilled}
    again.engine.reliving(on=False)
    told = again.engine.handle(f.Reconciled(again.state.last_at, ()))
    assert e.PositionClosed in {type(event) for event in told}
    assert again.state.trading_state is not TradingState.ACTIVE


def test_what_has_no_price_yet_is_not_valued() -> None:
    host = Host(spec(risk=with_risk(daily_loss_fraction=Decimal("0.001"))), {1: LONG}).feed(flat(1))
    host.fill("1-entry-1", Decimal(1))
    host.state.marks.clear()
    assert not host.engine.handle(f.Timer(START + 400 * FIVE.ms))
    host.state.marks[SYMBOL] = Decimal(100)
    assert isinstance(host.engine.handle(f.Timer(START + 400 * FIVE.ms))[0], e.DayRolled)


def test_two_fees_shrink_both_position_and_cash() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    fill = Fill(START, "1-entry-1", "t1", SYMBOL, Side.BUY, Decimal(100), Decimal(1), Decimal("0.1"), "BTC", Decimal(2))
    (booked, *_) = host.engine.take([fill])
    assert isinstance(booked, e.OrderFilled)
    assert (booked.fee, booked.fee_quote) == (Decimal("0.1"), Decimal(2))
    assert host.state.cash == 10_000 - 100 - 2
    assert host.state.holdings["1"].quantity == Decimal("0.9")
