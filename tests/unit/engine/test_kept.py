"""Barriers that the instance keeps itself, orders in doubt, and the comparison with the venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.order import OrderReport, OrderState, OrderType, Role, TimeInForce
from investbot.domain.rules import ExitRules
from investbot.domain.states import TradingState
from investbot.engine.kept import watched
from investbot.engine.reconcile import differences
from tests.unit.engine.builders import LONG, NO_AGE, OTHER, SYMBOL, Host, bar, entered, flat, spec

LADDER = replace(NO_AGE, targets=((Decimal("0.01"), Decimal("0.5")), (Decimal("0.02"), Decimal("0.5"))))


def keeping(exits: ExitRules = NO_AGE) -> Host:
    return entered(replace(spec(), targets_rest=False, exits=exits))


def placed(host: Host, role: Role) -> list[object]:
    return [p.order for p in host.of(e.OrderPlaced) if p.order.role is role]


def test_a_kept_target_rests_nowhere_until_the_price_reaches_it() -> None:
    host = keeping()
    assert [o.order.role for o in host.state.orders.values()] == [Role.STOP]
    host.feed(bar(3, "100", "101.99", "100", "101.50"))
    assert not host.of(e.TargetReached)
    host.feed(bar(4, "101.50", "102.50", "101.50", "102.20"))
    reached = host.of(e.TargetReached)[0]
    assert (reached.rung, reached.price) == (1, Decimal("102.00"))
    order = next(o.order for o in host.state.orders.values())
    assert (order.role, order.type, order.time_in_force) == (Role.TARGET, OrderType.LIMIT, TimeInForce.IOC)
    host.feed(flat(5, "102.20"))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.exit_reason, trip.exit_price) == ("target", Decimal("102.2"))


def test_a_price_that_fell_back_before_the_sale_leaves_the_position_protected() -> None:
    host = keeping().feed(bar(3, "100", "102.50", "100", "102.20"), flat(4, "101"))
    holding = host.state.holdings["1"]
    assert (holding.taking, holding.rungs_taken) == (0, 0)
    stop = next(iter(host.state.orders.values())).order
    assert (stop.role, stop.stop_price, stop.quantity) == (Role.STOP, Decimal("99.00"), holding.quantity)


def test_a_kept_ladder_is_climbed_rung_by_rung() -> None:
    host = keeping(LADDER).feed(bar(3, "100", "101.50", "100", "101.20"), flat(4, "101.20"))
    holding = host.state.holdings["1"]
    assert holding.rungs_taken == 1
    assert holding.quantity == holding.bought - holding.sold > 0
    host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("102.10")))
    host.feed(flat(5, "102.10"))
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "target 2"


def test_ticks_of_what_is_not_held_change_nothing() -> None:
    host = Host().feed(flat(1))
    assert not host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal(500)))
    assert not host.tell(f.Tick(host.state.last_at, OTHER, Decimal(500)))
    assert host.state.marks[SYMBOL] == 100


def test_a_rung_that_is_being_taken_is_not_taken_twice() -> None:
    host = keeping().feed(bar(3, "100", "102.50", "100", "102.20"))
    before = len(host.events)
    host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("102.30")))
    assert len(host.of(e.TargetReached)) == 1
    assert all(isinstance(event, e.PeakRaised) for event in host.events[before:])
    host.engine.take([OrderReport(host.state.last_at, "1-target-3", OrderState.UNKNOWN)])
    assert [o.state for o in host.state.orders.values()] == [OrderState.UNKNOWN]
    host.engine._settle("1", host.state.last_at)
    assert len(host.state.orders) == 1


def test_all_rungs_taken_leaves_the_rest_to_the_stop() -> None:
    host = keeping(LADDER)
    host.state.holdings["1"].rungs_taken = 2
    assert not host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("102.30")))[1:]


def test_a_trail_waits_while_a_rung_is_taken() -> None:
    exits = replace(NO_AGE, trailing_fraction=Decimal("0.005"))
    host = keeping(exits)
    before = len(placed(host, Role.STOP))
    host.state.holdings["1"].taking = 1
    host.feed(bar(3, "100", "101", "100", "100.90"))
    assert len(placed(host, Role.STOP)) == before


def test_a_refused_stop_is_kept_by_the_instance() -> None:
    host = entered()
    host.tell(OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="would trigger"))
    host.book.cancel("1-stop-2", host.state.last_at)
    assert not host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("99.01")))
    host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("99.00")))
    trip = host.of(e.PositionClosed)[0].trip
    assert trip.exit_reason == "stop"


def test_a_stop_in_doubt_is_not_placed_again() -> None:
    host = keeping(LADDER)
    host.engine.take([OrderReport(host.state.last_at, "1-stop-2", OrderState.UNKNOWN)])
    host.state.holdings["1"].quantity -= Decimal("0.5")
    host.engine._settle("1", host.state.last_at)
    assert len(placed(host, Role.STOP)) == 1


def test_while_one_stop_replaces_another_the_newest_counts() -> None:
    host = entered(replace(spec(), exits=replace(NO_AGE, trailing_fraction=Decimal("0.005"))))
    for event in host.engine.handle(bar(3, "100", "101", "100", "100.90")):
        host.events.append(event)
    newest = placed(host, Role.STOP)[-1]
    assert sum(1 for o in host.state.orders.values() if o.order.role is Role.STOP) == 2
    host.engine._settle("1", host.state.last_at)
    assert list(host.state.orders.values())[-1].order == newest


def test_no_entry_beside_an_order_in_doubt() -> None:
    terms = spec(symbols=(SYMBOL, OTHER), risk=replace(spec().risk, max_open_positions=2))
    host = Host(terms, {1: LONG}).feed(flat(1))
    host.engine.take([OrderReport(host.state.last_at, "1-entry-1", OrderState.UNKNOWN)])
    host.feed(flat(1, "50", symbol=OTHER))
    denied = host.of(e.IntentDenied)[0]
    assert denied.limit == "entries_paused"
    assert "unknown:1-entry-1" in denied.value + denied.reason


def test_a_difference_reduces_until_both_agree_again() -> None:
    host = Host().feed(flat(1))
    at = host.state.last_at
    host.tell(f.Reconciled(at, ("The ledger holds 2 BTC and the account has 1.",)))
    assert (host.state.trading_state.value, host.state.reduced_by) == ("REDUCING", "reconcile")
    assert not host.tell(f.Reconciled(at, ("again",)))
    host.tell(f.Reconciled(at, ()))
    assert host.state.trading_state is TradingState.ACTIVE
    assert not host.tell(f.Reconciled(at, ()))


def test_differences_name_both_sides() -> None:
    host = entered()
    ids = {o.order.client_order_id: o.order.order_id for o in host.state.orders.values()}
    held = host.state.holdings["1"].quantity
    assert differences(host.state, ids, {"BTC": held}) == ()
    assert differences(host.state, ids, None) == ()
    assert differences(host.state, [*ids, "ibstranger"], {"BTC": held + 5}) == (
        "The venue has the open order ibstranger of ours, which the ledger does not know.",
    )
    assert differences(host.state, ids, {}) == (f"The ledger holds {held} BTC and the account has 0.",)
    missing = dict(list(ids.items())[1:])
    assert differences(host.state, missing, {"BTC": held}) == (
        "Order 1-stop-2 is open in the ledger and not at the venue.",
    )
    host.state.orders["1-stop-2"].cancel_asked = True
    assert differences(host.state, missing, {"BTC": held}) == ()


# ---- a venue that keeps no stops --------------------------------------------------------------------------------


def stopless(exits: ExitRules = NO_AGE) -> Host:
    return entered(replace(spec(), targets_rest=False, stops_rest=False, exits=exits))


def test_where_no_stop_can_rest_none_is_asked_for_and_the_instance_sells() -> None:
    host = stopless().feed(flat(3, "99.01"), flat(4, "99.50"))
    assert placed(host, Role.STOP) == []
    assert not host.state.orders
    host.feed(flat(5, "99.00"), flat(6, "98.90"))
    trip = host.of(e.PositionClosed)[0].trip
    assert (trip.exit_reason, trip.exit_price, trip.gapped) == ("stop", Decimal("98.9"), True)


def test_a_kept_stop_follows_the_highest_price_seen() -> None:
    host = stopless(replace(NO_AGE, trailing_fraction=Decimal("0.005"), targets=((Decimal("0.5"), Decimal(1)),)))
    host.feed(bar(3, "100", "110", "100", "110"), flat(4, "109.46"))
    assert not host.of(e.CloseRequested)
    host.feed(flat(5, "109.45"))
    assert host.of(e.CloseRequested)[0].reason == "stop"


def test_a_venue_that_says_it_keeps_no_stops_is_asked_once_a_position() -> None:
    host = keeping()
    host.events += host.engine.take(
        [OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="the venue keeps no stops")]
    )
    host.feed(flat(3), flat(4))
    assert len(placed(host, Role.STOP)) == 1
    host.tell(f.Tick(host.state.last_at, SYMBOL, Decimal("99.00")))
    assert [order.role for order in (o.order for o in host.state.orders.values())] == [Role.EXIT] or host.of(
        e.PositionClosed
    )


def test_a_refused_stop_is_asked_for_again_at_the_next_candle_and_not_as_often_as_one_compares() -> None:
    host = keeping()
    host.events += host.engine.take([OrderReport(host.state.last_at, "1-stop-2", OrderState.REJECTED, reason="no")])
    for _ in range(3):
        host.tell(f.Reconciled(host.state.last_at, ()))
    assert len(placed(host, Role.STOP)) == 1
    host.feed(flat(3))
    assert len(placed(host, Role.STOP)) == 2
    host.events += host.engine.take([OrderReport(host.state.last_at, "1-stop-3", OrderState.REJECTED, reason="no")])
    host.tell(f.OperatorRequest(host.state.last_at, f.Action.FLATTEN))
    assert host.of(e.PositionClosed)


def test_prices_between_closes_matter_while_a_barrier_is_kept_here_and_something_is_held() -> None:
    host = keeping(LADDER)
    holding = host.state.holdings["1"]

    def matter() -> frozenset[str]:
        return watched(host.state, host.engine.spec)

    assert matter() == {SYMBOL}
    holding.rungs_taken = 1
    assert matter() == {SYMBOL}
    holding.rungs_taken = 2
    assert matter() == frozenset()
    holding.stop_refused = True
    assert matter() == {SYMBOL}
    holding.stop_refused, holding.stop_kept = False, True
    assert matter() == {SYMBOL}
    holding.closing = "flatten"
    assert matter() == frozenset()
    holding.closing, holding.quantity = "", Decimal(0)
    assert matter() == frozenset()


def test_where_all_rests_on_the_venue_or_nothing_is_held_no_price_matters() -> None:
    resting = entered(replace(spec(), exits=NO_AGE))
    assert watched(resting.state, resting.engine.spec) == frozenset()
    assert watched(resting.state, replace(resting.engine.spec, stops_rest=False)) == {SYMBOL}
    nobody = Host().feed(flat(1))
    assert watched(nobody.state, replace(nobody.engine.spec, targets_rest=False)) == frozenset()
