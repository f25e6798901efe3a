"""Corners of the money core: each test stands for a way in which it once could, or might, go wrong unnoticed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.codec import decode, encode, kind
from investbot.domain.market import DAY, Quality
from investbot.domain.order import Fill, OrderReport, OrderState, Role, Side
from investbot.domain.rules import CostRules
from investbot.domain.states import TradingState
from investbot.engine.simulated import SimulatedMarket
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


def test_a_drawdown_withdraws_an_entry_that_waits_and_halts() -> None:
    """One symbol breaks the drawdown while the other's entry waits."""
    terms = spec(symbols=TWO, risk=with_risk(max_open_positions=2, max_drawdown_fraction=Decimal("0.00009")))
    host = Host(terms, {1: LONG}).feed(flat(1), flat(2), flat(2, "50", symbol=OTHER))
    host.feed(bar(3, "90", "90", "90", "90"))
    assert (host.state.trading_state, list(host.state.holdings)) == (TradingState.HALTED, [])
    assert [event.reason for event in host.of(e.CancelRequested)][-1] == "drawdown"
    assert not host.feed(flat(3, "50", symbol=OTHER)).state.holdings


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


# ---- fees and sums ----------------------------------------------------------------------------------------------


def test_cash_is_the_capital_and_the_net_results_of_all_trips() -> None:
    host = entered(spec(costs=CostRules())).feed(bar(3, "100", "100", "98", "98"))
    trip = host.of(e.PositionClosed)[0].trip
    fees = sum(fill.fee for fill in host.of(e.OrderFilled))
    assert trip.costs == fees > 0
    assert host.state.cash == 10_000 + trip.net_pnl
    assert trip.net_pnl == trip.quantity * (trip.exit_price - trip.entry_price) - fees


def test_a_fee_in_base_costs_no_cash_and_is_valued_at_its_price() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    order = host.of(e.OrderPlaced)[0].order
    fee = Decimal("0.002")
    buy = Fill(START, order.order_id, "t1", SYMBOL, Side.BUY, Decimal(100), order.quantity, fee, "BTC")
    host.engine.take([buy])
    assert host.state.cash == 10_000 - order.quantity * 100
    held = host.state.holdings["1"].quantity
    sold = held - Decimal("0.003")
    sell = Fill(START, "1-stop-2", "t2", SYMBOL, Side.SELL, Decimal(99), sold, Decimal("0.0025"), "BTC")
    told = host.engine.take([sell])
    assert host.state.holdings["1"].quantity == Decimal("0.0005")
    host.engine.take([OrderReport(START, "1-target-3", OrderState.CANCELLED)])
    told = host.engine.take(
        [OrderReport(START, o.order.order_id, OrderState.CANCELLED) for o in list(host.state.orders.values())]
    )
    trip = next(event.trip for event in told if isinstance(event, e.PositionClosed))
    assert trip.costs == fee * 100 + Decimal("0.0025") * 99
    assert trip.net_pnl == sold * 99 - order.quantity * 100


def test_dust_adds_up() -> None:
    host = Host().feed(flat(1))
    for _ in range(2):
        host.engine.apply(e.DustLeft(START, SYMBOL, Decimal("0.0004")))
    assert host.state.dust == {SYMBOL: Decimal("0.0008")}


def test_a_trip_that_brings_nothing_is_no_win() -> None:
    host = entered(script={2: SHORT}).feed(flat(3))
    assert host.of(e.PositionClosed)[0].trip.net_pnl == 0
    assert (host.state.tally.trips, host.state.tally.wins) == (1, 0)


def test_the_profit_factor_is_gains_over_losses() -> None:
    host = entered(script={3: LONG}).feed(
        bar(3, "100", "102.50", "100", "100"), flat(4), bar(5, "100", "100", "98", "98")
    )
    won, lost = (closed.trip.net_pnl for closed in host.of(e.PositionClosed))
    assert won == -2 * lost > 0
    told = host.engine.summary()
    assert (told["profit_factor"], told["win_rate"]) == ("2.0000", "0.5000")
    assert told["drawdown"] == format((-lost / host.state.peak).quantize(Decimal("0.0001")), "f")
    host.feed(flat(1 + DAY // FIVE.ms, "98"))
    told = host.engine.summary()
    assert [Decimal(told["day_pnl"]), Decimal(told["total_pnl"])] == [NOTHING, won + lost]


def test_a_drawdown_is_a_part_of_the_peak() -> None:
    host = Host(spec(capital="100")).feed(flat(1))
    host.engine.apply(e.PeakRaised(START, Decimal(200)))
    assert host.engine.summary()["drawdown"] == "0.5000"


def test_r_is_measured_by_the_risk_that_was_planned() -> None:
    host = entered().feed(bar(3, "100", "100", "98", "98"))
    plan, trip = host.of(e.PlanMade)[0].plan, host.of(e.PositionClosed)[0].trip
    assert plan.planned_risk == trip.quantity * Decimal("1.002") + Decimal("0.000001")
    assert trip.r == (trip.net_pnl / plan.planned_risk).quantize(Decimal("0.000001"))
    assert trip.closed_at == START + 3 * FIVE.ms > trip.opened_at


def test_the_bar_of_the_entry_and_every_fill_count_as_excursions() -> None:
    host = Host(script={1: LONG}).feed(flat(1), bar(2, "100", "101", "99.50", "100"))
    holding = host.state.holdings["1"]
    assert (holding.high, holding.low) == (101, Decimal("99.50"))
    host = Host(script={1: LONG}).feed(flat(1))
    for number, price in enumerate(("99", "100")):
        fill = Fill(START, "1-entry-1", f"t{number}", SYMBOL, Side.BUY, Decimal(price), Decimal("0.5"), NOTHING, "USDT")
        host.engine.take([fill])
    assert host.state.holdings["1"].low == 99


def test_a_waiting_entry_is_no_open_position_and_frees_what_it_has_filled() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    assert host.engine.summary()["open_positions"] == 0
    order = host.of(e.OrderPlaced)[0].order
    before = host.state.free_cash(NOTHING)
    assert order.price is not None
    host.engine.take([Fill(START, order.order_id, "t", SYMBOL, Side.BUY, order.price, Decimal(1), NOTHING, "USDT")])
    assert host.state.free_cash(NOTHING) == before


def test_a_stop_that_jumped_in_part_has_jumped() -> None:
    costs = CostRules(NOTHING, NOTHING, NOTHING, bar_share=Decimal("0.01"))
    host = entered(spec(costs=costs)).feed(bar(3, "90", "90", "90", "90", volume=50.0), flat(4))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.gapped, trip.exit_price) == (True, Decimal(95))


def test_slippage_is_no_gap() -> None:
    host = entered(spec(costs=CostRules(slippage=Decimal("0.001")))).feed(bar(3, "100", "100", "98", "98"))
    assert not host.of(e.PositionClosed)[0].trip.gapped


# ---- the gate's view --------------------------------------------------------------------------------------------


def test_entries_of_the_whole_day_count() -> None:
    host = Host(spec(risk=with_risk(max_entries_per_day=2)))
    for hour, price in ((1, "105"), (14, "110"), (23, "115")):
        host.feed(flat(hour * 12))
        host.tell(f.Alert(host.state.last_candle_at, SYMBOL, "door", LONG))
        host.feed(flat(hour * 12 + 1, price))
    assert not host.state.holdings
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["entries_per_day"]


def test_a_rest_follows_an_entry_that_came_to_nothing_and_every_exit() -> None:
    terms = spec(risk=with_risk(cooldown_ms=2 * FIVE.ms))
    host = Host(terms, {1: LONG, 2: LONG, 3: LONG}).feed(flat(1), flat(2, "101"), flat(3, "101"))
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["cooldown"]
    assert len(host.of(e.PlanMade)) == 2
    host = Host(terms, {1: LONG, 5: LONG, 6: LONG}).feed(flat(1), flat(2), flat(3), bar(4, "100", "100", "98", "98"))
    host.feed(flat(5, "98"), flat(6, "98"))
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["cooldown"]
    assert len(host.of(e.PlanMade)) == 2


def test_a_waiting_entry_takes_a_place() -> None:
    host = Host(spec(symbols=TWO), {1: LONG}).feed(flat(1), flat(1, "50", symbol=OTHER))
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["open_positions"]


def test_the_second_entry_is_sized_by_the_cash_that_the_first_leaves() -> None:
    risk = with_risk(max_open_positions=2, position_fraction=Decimal("0.6"), risk_fraction=Decimal(1))
    host = Host(spec(symbols=TWO, risk=risk), {1: LONG}).feed(flat(1), flat(1, "50", symbol=OTHER))
    first, second = (placed.order for placed in host.of(e.OrderPlaced))
    assert first.price is not None
    assert second.price is not None
    assert 5_990 < first.price * first.quantity <= 6_000
    assert 3_990 < second.price * second.quantity <= 10_000 - first.price * first.quantity


def test_entries_are_sized_by_the_allocation_of_the_day() -> None:
    host = Host(script={2: LONG}).feed(flat(1))
    ask(host, f.Action.ALLOCATE, amount=Decimal(1_000))
    host.feed(flat(2))
    order = host.of(e.OrderPlaced)[0].order
    assert order.price is not None
    assert 19 < order.price * order.quantity <= 20


def test_yesterdays_loss_is_not_todays() -> None:
    morning = 1 + DAY // FIVE.ms
    host = entered(spec(risk=with_risk(daily_loss_fraction=Decimal("0.0001"))), {4: LONG})
    host.feed(bar(3, "100", "100", "90", "91"))
    assert host.state.trading_state is TradingState.REDUCING
    host.feed(flat(morning, "91"))
    assert (host.state.reduced_by, host.engine.summary()["reduced_by"]) == ("", None)
    assert len(host.of(e.PlanMade)) == 2


def test_a_target_at_the_price_itself_is_none() -> None:
    host = Host(script={1: replace(LONG, targets=(100.0, 103.0))}).feed(flat(1))
    assert host.of(e.PlanMade)[0].plan.ladder == ((Decimal("0.03"), Decimal(1)),)


# ---- limits, to the last unit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit", [{"max_drawdown_fraction": Decimal("0.0001")}, {"daily_loss_fraction": Decimal("0.0001")}]
)
def test_a_limit_is_broken_when_it_is_reached(limit: dict[str, Decimal]) -> None:
    host = entered(spec(lot="1", risk=with_risk(**limit)))
    assert host.state.holdings["1"].quantity == 1
    host.engine.handle(bar(3, "100", "100", "99.01", "99.01"))
    assert host.state.trading_state.value == "ACTIVE"
    host.engine.handle(bar(4, "99.01", "99.01", "99", "99"))
    assert host.state.trading_state.value == "REDUCING"


def test_a_drawdown_stays_one_when_the_price_comes_back_in_part() -> None:
    risk = with_risk(max_drawdown_fraction=Decimal("0.00015"), daily_loss_fraction=Decimal("0.00005"))
    exits = replace(NO_AGE, stop_fraction=Decimal("0.04"), stop_max=Decimal("0.04"))
    host = entered(spec(risk=risk, exits=exits)).feed(
        bar(3, "100", "100", "99", "99"), bar(4, "99", "99.50", "99", "99.50")
    )
    assert host.state.reduced_by == "drawdown"
    host.feed(flat(1 + DAY // FIVE.ms, "99.50"))
    assert (host.state.trading_state, host.state.reduced_by) == (TradingState.REDUCING, "drawdown")


def test_the_floors_move_with_the_allocation_and_the_day() -> None:
    risk = with_risk(daily_loss_fraction=Decimal("0.0001"), max_drawdown_fraction=Decimal("0.5"))
    host = entered(spec(risk=risk)).feed(flat(3))
    ask(host, f.Action.ALLOCATE, amount=Decimal(15_000))
    host.feed(bar(4, "100", "100", "99.30", "99.30"))
    assert host.state.trading_state.value == "ACTIVE"
    host.feed(bar(5, "99.30", "99.30", "99.10", "99.10"))
    assert host.state.trading_state.value == "REDUCING"
    morning = 1 + DAY // FIVE.ms
    host.feed(flat(morning, "99.10"), bar(morning + 1, "99.10", "99.10", "99.05", "99.05"))
    assert host.state.trading_state.value == "ACTIVE"
    assert host.state.floors is not None
    assert host.state.floors.daily_loss == host.state.day_start_equity - Decimal("1.5")
    assert host.state.day_start_equity < 15_000


# ---- orders and reports -----------------------------------------------------------------------------------------


def test_a_stop_that_was_taken_at_last_is_asked_for_no_more() -> None:
    host = entered()
    host.tell(OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="busy"))
    host.book.cancel("1-stop-2", host.state.last_at)
    host.feed(flat(3))
    assert not host.state.holdings["1"].stop_refused
    before = len(host.of(e.OrderPlaced))
    host.feed(flat(4), bar(5, "100", "100", "99.01", "99.01"))
    assert len(host.of(e.OrderPlaced)) == before


def test_a_flatten_order_that_rests_is_left_alone() -> None:
    host = entered()
    asked = host.engine.handle(f.OperatorRequest(host.state.last_at, f.Action.FLATTEN))
    cancelled = [event.order_id for event in asked if isinstance(event, e.CancelRequested)]
    host.engine.take([OrderReport(host.state.last_at, order_id, OrderState.CANCELLED) for order_id in cancelled])
    assert [o.order.role for o in host.state.orders.values()] == [Role.FLATTEN]
    told = host.engine.handle(f.OperatorRequest(host.state.last_at, f.Action.PAUSE))
    assert not told
    assert [o.order.role for o in host.state.orders.values()] == [Role.FLATTEN]


def test_news_that_leads_backwards_is_no_news() -> None:
    host = entered()
    at = host.state.last_at
    assert not host.engine.take([OrderReport(at, "1-stop-2", OrderState.SENT)])
    part = Fill(at, "1-target-3", "t", SYMBOL, Side.SELL, Decimal(102), Decimal("0.5"), NOTHING, "USDT")
    host.engine.take([part])
    assert not host.engine.take([OrderReport(at, "1-target-3", OrderState.ACKNOWLEDGED)])
    assert not host.engine.take([OrderReport(at, "1-target-3", OrderState.SENT)])


def test_what_follows_from_a_breath_of_news_is_dated_by_its_last() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    fills = [
        Fill(START + number, "1-entry-1", f"t{number}", SYMBOL, Side.BUY, Decimal(100), Decimal("0.5"), NOTHING, "USDT")
        for number in (1, 2)
    ]
    placed = [event for event in host.engine.take(fills) if isinstance(event, e.OrderPlaced)]
    assert [event.at for event in placed] == [START + 2]
    assert host.state.last_at == START + 2


def test_a_kept_target_is_reached_by_its_very_price() -> None:
    host = entered(replace(spec(), targets_rest=False)).feed(bar(3, "100", "102", "100", "102"))
    assert [reached.price for reached in host.of(e.TargetReached)] == [102]


def test_after_a_restart_a_half_sold_target_sells_only_the_other_half() -> None:
    costs = CostRules(NOTHING, NOTHING, NOTHING, bar_share=Decimal("0.01"))
    host = entered(spec(costs=costs)).feed(bar(3, "100", "102", "100", "100", volume=50.0))
    held = host.state.holdings["1"].quantity
    assert held == Decimal("0.5")
    other = again(host)
    for candle in (flat(1), flat(2), bar(3, "100", "102", "100", "100", volume=50.0)):
        other.engine.warm(candle)
    market = SimulatedMarket(other.engine, other.book)
    last = bar(4, "100", "102", "100", "102")
    assert market.step(last) == host.market.step(last)
    assert not other.state.holdings
