from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.errors import InvariantError
from investbot.domain.market import DAY, HOUR, Quality
from investbot.domain.order import Fill, OrderReport, OrderState, OrderType, Role, Side, TimeInForce
from investbot.domain.rules import CostRules, ExitRules
from investbot.domain.states import TradingState
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


def test_a_signal_becomes_an_entry_at_the_next_open_with_its_stop_and_target() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    assert host.kinds() == [
        "CapitalAllocated",
        "SeriesAnchored",
        "SignalRaised",
        "PlanMade",
        "OrderPlaced",
        "OrderChanged",
    ]
    entry = host.of(e.OrderPlaced)[0].order
    assert (entry.order_id, entry.side, entry.type, entry.time_in_force) == (
        "1-entry-1",
        Side.BUY,
        OrderType.LIMIT,
        TimeInForce.IOC,
    )
    assert entry.price == Decimal("100.20")
    assert entry.client_order_id.isalnum()
    assert len(entry.client_order_id) == 24
    host.feed(flat(2))
    stop, target = (placed.order for placed in host.of(e.OrderPlaced)[1:])
    assert (stop.role, stop.stop_price, stop.quantity) == (Role.STOP, Decimal("99.00"), entry.quantity)
    assert (target.role, target.price, target.quantity) == (Role.TARGET, Decimal("102.00"), entry.quantity)
    assert host.state.cash == Decimal(10000) - entry.quantity * 100


def test_a_stop_ends_the_position_and_cancels_the_target() -> None:
    host = entered().feed(bar(3, "100", "100.50", "98.50", "99"))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.exit_price, trip.exit_reason, trip.gapped) == (Decimal(99), "stop", False)
    assert trip.net_pnl == -trip.quantity
    assert trip.mae == Decimal("0.01")
    assert trip.r < 0
    assert not host.state.orders
    assert not host.state.holdings
    assert host.state.cash == Decimal(10000) + trip.net_pnl


def test_a_bar_that_opens_below_the_stop_fills_at_its_open_and_is_a_gap() -> None:
    host = entered().feed(bar(3, "97", "97", "96", "96.50"))
    trip = host.of(e.PositionClosed)[0].trip
    assert trip.exit_price == Decimal(97)
    assert trip.gapped


def test_a_bar_that_reaches_stop_and_target_counts_against_us() -> None:
    host = entered().feed(bar(3, "100", "103", "98", "102"))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "stop"


def test_the_bar_of_the_entry_itself_can_hit_the_stop() -> None:
    host = Host(script={1: LONG}).feed(flat(1), bar(2, "100", "100", "98.90", "99.50"))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "stop"


def test_a_ladder_sells_in_parts_and_the_stop_shrinks_with_them() -> None:
    exits = replace(NO_AGE, targets=((Decimal("0.01"), Decimal("0.5")), (Decimal("0.02"), Decimal("0.5"))))
    host = entered(spec(exits=exits)).feed(bar(3, "100", "101.20", "100", "101"))
    plan = host.state.holdings["1"]
    stop = next(o for o in host.state.orders.values() if o.order.role is Role.STOP)
    assert stop.order.quantity == plan.quantity == plan.bought - plan.sold
    assert stop.order.replaces == "1-stop-2"
    host.feed(bar(4, "101", "102.50", "101", "102"))
    trip = host.of(e.PositionClosed)[0].trip
    assert trip.exit_price == Decimal("101.5")
    assert trip.exit_reason == "target 2"
    assert trip.mfe == Decimal("0.02")


def test_a_rung_smaller_than_a_lot_is_left_to_the_others() -> None:
    exits = replace(NO_AGE, targets=((Decimal("0.01"), Decimal("0.0006")), (Decimal("0.02"), Decimal("0.9994"))))
    costs = CostRules(Decimal(0), Decimal(0), Decimal(0), bar_share=Decimal("0.01"))
    host = entered(spec(costs=costs, exits=exits))
    targets = [p.order for p in host.of(e.OrderPlaced) if p.order.role is Role.TARGET]
    assert [t.price for t in targets] == [Decimal("102.00")]


def test_an_opposite_signal_leaves_at_the_next_open() -> None:
    host = entered(script={2: SHORT}).feed(flat(3, "100.50"))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.exit_reason, trip.exit_price) == ("opposite signal", Decimal("100.5"))
    assert [c.order_id for c in host.of(e.CancelRequested)] == ["1-stop-2", "1-target-3"]


def test_an_opposite_signal_without_a_position_is_only_an_opinion() -> None:
    host = Host(script={1: SHORT}).feed(flat(1))
    assert host.kinds()[-1] == "SignalRaised"


def test_a_second_opposite_signal_does_not_close_twice() -> None:
    host = entered(script={2: SHORT})
    host.tell(f.Alert(host.state.last_at, SYMBOL, "tv", SHORT))
    assert len(host.of(e.CloseRequested)) == 1


def test_age_ends_a_position() -> None:
    host = entered(spec(exits=ExitRules(max_age_ms=2 * FIVE.ms))).feed(flat(3), flat(4))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "age"


def test_a_timer_ends_what_is_too_old_and_nothing_else() -> None:
    host = entered(spec(exits=ExitRules(max_age_ms=HOUR)))
    assert not host.tell(f.Timer(START + HOUR))
    host.tell(f.Timer(START + FIVE.ms + HOUR))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "age"


def test_a_trail_follows_the_high_and_never_goes_back() -> None:
    exits = replace(NO_AGE, trailing_fraction=Decimal("0.01"), targets=((Decimal("0.05"), Decimal(1)),))
    host = entered(spec(exits=exits)).feed(
        bar(3, "100", "103", "100", "102.50"), bar(4, "102.50", "102.60", "102", "102")
    )
    stops = [p.order for p in host.of(e.OrderPlaced) if p.order.role is Role.STOP]
    assert [s.stop_price for s in stops] == [Decimal("99.00"), Decimal("101.97")]
    assert stops[1].reason == "trailing"
    host.feed(bar(5, "102", "102", "101", "101"))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "trailing"


def test_an_entry_that_would_pay_too_much_expires_and_leaves_nothing() -> None:
    host = Host(script={1: LONG}).feed(flat(1), flat(2, "101"))
    assert host.of(e.OrderChanged)[-1].state is OrderState.EXPIRED
    assert not host.state.holdings
    assert not host.state.orders


def test_a_part_filled_entry_has_its_stop_over_what_is_held() -> None:
    costs = CostRules(Decimal(0), Decimal(0), Decimal(0), bar_share=Decimal("0.01"))
    host = Host(spec(costs=costs), {1: LONG}).feed(flat(1), bar(2, "100", "100", "100", "100"))
    holding = host.state.holdings["1"]
    assert holding.quantity == Decimal(1)
    assert [o.order.role for o in host.state.orders.values()] == [Role.STOP, Role.TARGET]
    assert all(o.order.quantity == 1 for o in host.state.orders.values())


def test_the_gate_says_why_it_refuses() -> None:
    host = entered(script={2: LONG})
    denied = host.of(e.IntentDenied)[0]
    assert denied.limit == "open_positions"
    assert denied.signal_id == "s2"


def test_a_size_below_one_lot_is_refused_with_the_figures() -> None:
    host = Host(spec(capital="1", lot="1"), {1: LONG}).feed(flat(1))
    assert host.of(e.IntentDenied)[0].limit == "lot"


def test_a_flagged_bar_leads_to_no_entry() -> None:
    host = Host(script={2: LONG}).feed(flat(1), flat(2, "5000"))
    assert host.of(e.CandleFlagged)
    assert host.of(e.IntentDenied)[0].limit == "candle_quality"


def test_a_late_bar_leads_to_no_entry() -> None:
    host = Host(script={1: LONG}).feed(replace(flat(1), quality=Quality.LATE))
    assert host.of(e.IntentDenied)[0].limit == "candle_quality"


def test_repeated_and_late_candles_change_nothing() -> None:
    host = Host(script={1: LONG, 2: LONG}).feed(flat(1))
    before = len(host.events)
    host.feed(flat(1), flat(0))
    assert len(host.events) == before


def test_a_strategy_is_not_asked_before_it_is_warm() -> None:
    host = Host(script={1: LONG})
    strategy = replace(host.strategy, warmup=3)
    host.engine.__init__(host.terms, strategy)  # type: ignore[misc]
    host.engine.begin(START)
    for number in (1, 2, 3):
        host.engine.handle(flat(number))
    assert len(strategy.seen) == 1


def test_a_new_day_starts_from_its_own_equity() -> None:
    host = Host().feed(flat(1), flat(1 + DAY // FIVE.ms))
    rolled = host.of(e.DayRolled)[0]
    assert rolled.day == START // DAY
    assert host.state.day == START // DAY + 1


def lose(host: Host, number: int) -> None:
    host.feed(bar(number, "100", "100", "90", "91"))


def test_a_daily_loss_stops_entries_until_the_next_day() -> None:
    terms = spec(risk=with_risk(daily_loss_fraction=Decimal("0.0001")))
    host = entered(terms, {4: LONG})
    lose(host, 3)
    assert host.state.trading_state.value == "REDUCING"
    host.feed(flat(4))
    assert host.of(e.IntentDenied)[0].limit == "trading_state"
    assert host.tell(f.OperatorRequest(host.state.last_at, f.Action.RESUME))[-1].action == "resume"  # type: ignore[union-attr]
    assert host.state.trading_state.value == "REDUCING"
    host.feed(flat(1 + DAY // FIVE.ms))
    assert host.state.trading_state.value == "ACTIVE"


def test_a_drawdown_halts_once_flat_until_an_operator_resumes() -> None:
    terms = spec(risk=with_risk(max_drawdown_fraction=Decimal("0.00009")))
    host = entered(terms)
    host.feed(bar(3, "100", "100", "99.20", "99.50"))
    assert host.state.trading_state.value == "REDUCING"
    assert host.state.reduced_by == "drawdown"
    lose(host, 4)
    assert host.state.trading_state.value == "HALTED"
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.RESUME))
    assert host.state.trading_state.value == "ACTIVE"
    assert host.state.peak == host.state.equity()


def test_a_resumed_drawdown_leaves_the_daily_loss_in_force() -> None:
    terms = spec(risk=with_risk(max_drawdown_fraction=Decimal("0.00009"), daily_loss_fraction=Decimal("0.00001")))
    host = entered(terms)
    lose(host, 3)
    assert host.state.trading_state.value == "HALTED"
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.RESUME))
    assert (host.state.trading_state, host.state.reduced_by) == (TradingState.REDUCING, "daily_loss")


def test_a_daily_loss_can_become_a_drawdown() -> None:
    terms = spec(risk=with_risk(max_drawdown_fraction=Decimal("0.00015"), daily_loss_fraction=Decimal("0.00005")))
    host = entered(terms)
    host.feed(bar(3, "100", "100", "99.10", "99.60"))
    assert host.state.reduced_by == "daily_loss"
    lose(host, 4)
    assert host.state.reduced_by == "drawdown"


def test_peaks_are_events() -> None:
    host = entered().feed(bar(3, "100", "101", "100", "101"))
    assert host.of(e.PeakRaised)[0].equity == host.state.peak > 10000


def test_operator_pauses_and_resumes() -> None:
    host = Host(script={2: LONG, 3: LONG}).feed(flat(1))
    at = host.state.last_at
    assert len(host.tell(f.OperatorRequest(at, f.Action.PAUSE))) == 1
    assert not host.tell(f.OperatorRequest(at, f.Action.PAUSE))
    host.feed(flat(2))
    assert host.of(e.IntentDenied)[0].limit == "entries_paused"
    host.tell(f.OperatorRequest(at, f.Action.RESUME))
    host.feed(flat(3))
    assert host.of(e.PlanMade)


def test_flatten_sells_at_once_and_stays_out() -> None:
    host = entered()
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.FLATTEN))
    trip = host.of(e.PositionClosed)[0].trip
    assert trip.exit_reason == "flatten"
    assert [p.order.role for p in host.of(e.OrderPlaced)][-1] is Role.FLATTEN
    assert "operator" in host.state.paused
    assert host.state.cash == host.state.equity()


def test_flatten_withdraws_an_entry_that_waits() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.FLATTEN))
    assert not host.state.orders
    assert not host.state.holdings


def test_flatten_twice_closes_once() -> None:
    host = entered(script={2: SHORT})
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.FLATTEN))
    assert len(host.of(e.CloseRequested)) == 1
    assert len(host.of(e.PositionClosed)) == 1


def test_close_leaves_one_symbol() -> None:
    host = entered(spec(symbols=(SYMBOL, OTHER)))
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.CLOSE, symbol=SYMBOL))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "close"


@pytest.mark.parametrize(("symbol", "words"), [(OTHER, "Nothing is held"), ("X/Y", "does not trade")])
def test_close_refuses_what_is_not_there(symbol: str, words: str) -> None:
    host = entered(spec(symbols=(SYMBOL, OTHER)))
    refused = host.tell(f.OperatorRequest(host.state.last_at, f.Action.CLOSE, symbol=symbol))
    assert words in refused[0].reason  # type: ignore[union-attr]


def test_closing_what_is_being_closed_says_nothing_twice() -> None:
    host = entered(script={2: SHORT})
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.CLOSE, symbol=SYMBOL))
    assert len(host.of(e.CloseRequested)) == 1


@pytest.mark.parametrize(("amount", "cash"), [("12000", "12000"), ("9000", "9000"), ("10000", "10000")])
def test_an_allocation_moves_cash(amount: str, cash: str) -> None:
    host = Host().feed(flat(1))
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.ALLOCATE, amount=Decimal(amount)))
    assert host.state.cash == host.state.capital == host.state.peak == Decimal(cash)


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal(1)])
def test_an_allocation_never_takes_what_is_bound(amount: Decimal | None) -> None:
    host = entered()
    told = host.tell(f.OperatorRequest(host.state.last_at, f.Action.ALLOCATE, amount=amount))
    assert isinstance(told[0], e.RequestRefused)
    assert host.state.capital == 10000


def test_stale_data_and_a_lost_supervisor_pause_entries_each_for_itself() -> None:
    host = Host().feed(flat(1))
    at = host.state.last_at
    host.tell(f.DataStale(at, SYMBOL, "no candle for 15 minutes"))
    host.tell(f.SupervisorLost(at))
    assert set(host.state.paused) == {f"stale:{SYMBOL}", "supervisor"}
    host.tell(f.DataFresh(at, SYMBOL))
    host.tell(f.SupervisorFound(at))
    assert not host.state.paused
    assert not host.tell(f.DataFresh(at, SYMBOL))


@pytest.mark.parametrize(("close", "trips"), [(True, 1), (False, 0)])
def test_the_end_of_a_replay(close: bool, trips: int) -> None:
    host = entered()
    host.tell(f.SourceEnded(host.state.last_at, close))
    assert len(host.of(e.PositionClosed)) == trips
    assert not host.tell(f.SourceEnded(host.state.last_at, close))


def test_an_alert_goes_through_the_same_gate() -> None:
    host = Host().feed(flat(1))
    at = host.state.last_at + 1
    host.tell(f.Alert(at, SYMBOL, "tradingview", LONG))
    assert host.of(e.SignalRaised)[0].source == "tradingview"
    host.feed(flat(2))
    host.tell(f.Alert(at + 1, SYMBOL, "tradingview", LONG))
    assert host.of(e.IntentDenied)[0].limit == "duplicate"


def test_an_alert_for_an_unknown_market_is_refused() -> None:
    host = Host().feed(flat(1))
    assert isinstance(host.tell(f.Alert(START, "X/Y", "tv", LONG))[0], e.RequestRefused)


def test_the_same_fill_is_booked_once_and_foreign_news_not_at_all() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    order = host.of(e.OrderPlaced)[0].order
    half = order.quantity / 2
    fill = Fill(START, order.order_id, "t1", SYMBOL, Side.BUY, Decimal(100), half, Decimal(0), "USDT")
    assert len(host.engine.handle(fill)) == 3
    assert not host.engine.handle(fill)
    assert not host.engine.handle(replace(fill, order_id="9-entry-1", trade_id="t2"))
    assert not host.engine.handle(OrderReport(START, "9-entry-1", OrderState.CANCELLED))
    assert not host.engine.handle(OrderReport(START, order.order_id, OrderState.SENT))


def test_a_fee_in_base_shrinks_what_is_held_and_leaves_dust() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    order = host.of(e.OrderPlaced)[0].order
    fee = Decimal("0.0004")
    fill = Fill(START, order.order_id, "t1", SYMBOL, Side.BUY, Decimal(100), order.quantity, fee, "BTC")
    host.engine.handle(fill)
    held = host.state.holdings["1"].quantity
    assert held == order.quantity - fee
    stop = next(o for o in host.state.orders.values() if o.order.role is Role.STOP)
    assert stop.order.quantity == host.terms.instruments[SYMBOL].quantity_down(held)
    host.book.restore([(o.order, o.filled) for o in host.state.orders.values()], {"1": held})
    host.feed(bar(2, "100", "100", "98", "98"))
    dust = host.of(e.DustLeft)[0]
    assert dust.quantity == Decimal("0.0006")
    assert host.state.dust[SYMBOL] == dust.quantity


def test_two_symbols_keep_their_own_positions() -> None:
    terms = spec(symbols=(SYMBOL, OTHER), risk=with_risk(max_open_positions=2))
    host = Host(terms, {1: LONG}).feed(flat(1), flat(1, "50", symbol=OTHER), flat(2), flat(2, "50", symbol=OTHER))
    assert {h.plan.symbol for h in host.state.holdings.values()} == {SYMBOL, OTHER}
    host.feed(bar(3, "100", "100", "98", "98"))
    assert [h.plan.symbol for h in host.state.holdings.values()] == [OTHER]


def test_what_the_strategy_is_told_of_its_position() -> None:
    host = entered().feed(bar(3, "100", "100", "98", "98"))
    assert host.strategy.seen == [False, True, False]


def test_a_pause_while_an_entry_waits_changes_nothing_about_it() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.PAUSE))
    assert list(host.state.orders) == ["1-entry-1"]


def test_summary_tells_money_as_text_and_missing_ratios_as_none() -> None:
    host = Host().feed(flat(1))
    told = host.engine.summary()
    assert (told["capital"], told["cash"], told["equity"], told["win_rate"]) == ("10000", "10000", "10000", None)
    assert (told["last_signal"], told["drawdown"], told["trading_state"]) == (None, "0.0000", "ACTIVE")
    assert told["last_candle_at"] == START + FIVE.ms
    host = entered().feed(bar(3, "100", "103", "100", "102"))
    told = host.engine.summary()
    assert (told["win_rate"], told["open_positions"], told["trips"]) == ("1.0000", 0, 1)
    assert told["last_signal"]["reason"] == "up it goes"
    assert Decimal(told["total_pnl"]) == Decimal(told["equity"]) - 10000 > 0


def test_before_the_first_candle_the_allocation_is_what_there_is() -> None:
    told = Host(spec(capital="700")).engine.summary()
    assert (told["capital"], told["equity"], told["cash"], told["total_pnl"]) == ("700", "700", "700", "0")
    assert told["day_pnl"] == "0"


def test_begin_happens_once() -> None:
    host = Host()
    assert len(host.engine.begin(START)) == 1
    assert not host.engine.begin(START)
    engine = Host().engine
    assert [type(event) for event in engine.handle(flat(1))] == [e.CapitalAllocated, e.SeriesAnchored]


def test_an_atr_stop_waits_for_its_indicator_and_then_uses_it() -> None:
    exits = replace(NO_AGE, stop_atr=Decimal(2), stop_fraction=Decimal("0.01"))
    host = Host(spec(exits=exits), {1: LONG})
    host.feed(*(bar(n, "100", "100.15", "99.85", "100") for n in range(1, 30)))
    raised = host.of(e.SignalRaised)[0]
    sized = host.engine.propose(raised)
    assert float(sized.stop_distance) == pytest.approx(0.006, abs=1e-6)
    assert host.of(e.PlanMade)[0].plan.stop_distance == Decimal("0.01")


def test_a_signals_own_targets_make_the_ladder_inside_the_bounds() -> None:
    signal = replace(LONG, targets=(102.0, 101.5, 99.0, 130.0), stop=99.3)
    host = Host(script={1: signal}).feed(flat(1))
    assert host.of(e.PlanMade)[0].plan.ladder == (
        (Decimal("0.015"), Decimal("0.3333")),
        (Decimal("0.02"), Decimal("0.3333")),
        (Decimal("0.05"), Decimal("0.3334")),
    )
    assert host.of(e.SignalRaised)[0].stop == Decimal("99.30")


def test_events_that_contradict_what_is_known_stop_the_program() -> None:
    host = entered()
    stop = next(o.order for o in host.state.orders.values() if o.order.role is Role.STOP)
    filled = e.OrderFilled(
        START,
        stop.order_id,
        "1",
        "t",
        SYMBOL,
        Side.SELL,
        Decimal(99),
        Decimal(99),
        Decimal(0),
        "USDT",
        Decimal(0),
        False,
    )
    with pytest.raises(InvariantError, match="sold more"):
        host.engine.apply(filled)
    with pytest.raises(InvariantError, match="plan 77"):
        host.engine.apply(e.PositionOpened(START, "77", SYMBOL))


def test_a_refused_stop_is_asked_for_again_at_the_next_candle_not_at_once() -> None:
    host = entered()
    told = host.tell(OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="would trigger"))
    assert [type(event) for event in told] == [e.OrderChanged]
    host.book.cancel("1-stop-2", host.state.last_at)
    host.feed(flat(3))
    stops = [o.order for o in host.state.orders.values() if o.order.role is Role.STOP]
    assert [stop.stop_price for stop in stops] == [Decimal("99.00")]


def test_two_rungs_in_one_bar_are_booked_before_anything_is_decided() -> None:
    exits = replace(NO_AGE, targets=((Decimal("0.01"), Decimal("0.5")), (Decimal("0.02"), Decimal("0.5"))))
    host = entered(spec(exits=exits)).feed(bar(3, "100", "103", "100", "103"))
    assert host.of(e.PositionClosed)[0].trip.exit_price == Decimal("101.5")
    assert not [c for c in host.of(e.OrderChanged) if c.state is OrderState.REJECTED]


def test_the_ledger_holds_events_in_the_order_they_were_applied() -> None:
    host = entered(script={2: SHORT}).feed(flat(3))
    again = Host()
    for event in host.events:
        again.engine.apply(event)
    assert again.state.cash == host.state.cash


def test_a_report_after_midnight_ends_the_day() -> None:
    host = entered()
    fill = Fill(START + DAY, "1-target-3", "t", SYMBOL, Side.SELL, Decimal(102), Decimal(1), Decimal(0), "USDT")
    assert isinstance(host.engine.take([fill])[0], e.DayRolled)


def test_a_fill_before_its_entry_is_done_leaves_the_entry_waiting() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    order = host.of(e.OrderPlaced)[0].order
    buy = Fill(START, order.order_id, "t1", SYMBOL, Side.BUY, Decimal(100), Decimal(1), Decimal(0), "USDT")
    placed = [event.order.role for event in host.engine.take([buy]) if isinstance(event, e.OrderPlaced)]
    assert placed == [Role.STOP]
    sell = Fill(START, "1-stop-2", "t2", SYMBOL, Side.SELL, Decimal(99), Decimal(1), Decimal(0), "USDT")
    assert [type(event) for event in host.engine.take([sell])] == [e.OrderFilled]
    assert host.state.holdings["1"].quantity == 0


def test_a_candle_that_was_worked_on_is_warmed_up_once() -> None:
    host = entered()
    host.engine.warm(flat(2, "150"))
    assert host.state.marks[SYMBOL] == 100
    host.engine.warm(bar(3, "100", "101", "99.50", "100"))
    assert host.state.holdings["1"].low == Decimal("99.50")


def test_a_repeated_entry_after_its_last_fill_is_refused_by_the_state() -> None:
    host = entered()
    assert not host.engine.take([OrderReport(host.state.last_at, "1-entry-1", OrderState.EXPIRED)])


def test_once_flat_what_still_rests_is_withdrawn_before_the_story_ends() -> None:
    host = entered()
    held = host.state.holdings["1"].quantity
    sell = Fill(host.state.last_at, "1-stop-2", "t2", SYMBOL, Side.SELL, Decimal(99), held, Decimal(0), "USDT")
    told = host.engine.take([sell])
    assert isinstance(told[-1], e.CancelRequested)
    assert (told[-1].order_id, told[-1].reason) == ("1-target-3", "flat")
    assert not host.engine.take([OrderReport(sell.at, "1-target-3", OrderState.UNKNOWN)])[1:]
    last = host.engine.take([OrderReport(sell.at, "1-target-3", OrderState.CANCELLED)])
    assert [type(event) for event in last] == [e.OrderChanged, e.PositionClosed]


def test_time_alone_ends_a_day() -> None:
    host = Host().feed(flat(1))
    assert isinstance(host.tell(f.Timer(START + DAY))[0], e.DayRolled)
