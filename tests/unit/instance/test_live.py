"""A live market: durable before it is sent, sent once, found again, protected, and honest about its troubles."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain.errors import AuthFailed, LedgerError, RateLimited, VenueError, VenueUnavailable
from investbot.domain.facts import Action, OperatorRequest, VenueLost
from investbot.domain.order import Order, OrderReport, OrderState, OrderType, Role, Side
from investbot.domain.states import TradingState
from investbot.instance.journal import Journal
from investbot.instance.pumping import pump
from tests.fakes.trading import FULL
from tests.unit.instance.live_hosts import BTC, SHORT, SYMBOL, LiveHost, account, agrees, flat, protected

ENTRY, STOP = "1-entry-1", "1-stop-2"


@pytest.fixture
async def host() -> LiveHost:
    return await LiveHost().start()


async def entered(host: LiveHost) -> LiveHost:
    """Buy on the first candle and wait for the stop to rest."""
    host.feed(flat(1))
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes(STOP))
    return host


def stops_meet(host: LiveHost, *errors: VenueError) -> list[float]:
    """Let the next tries to place a stop fail; gives the seconds at which all tries are made."""
    submit, left, tries = host.venue.submit, list(errors), []

    async def picky(order: Order) -> OrderReport:
        if order.role is Role.STOP:
            tries.append(host.hurry.seconds)
            if left:
                raise left.pop(0)
        return await submit(order)

    host.venue.submit = picky  # type: ignore[method-assign]
    return tries


def asked(host: LiveHost, method: str) -> int:
    return host.venue.asked.count(method)


async def test_an_entry_fills_and_its_stop_rests_on_the_venue(host: LiveHost) -> None:
    await entered(host)
    assert host.changes(ENTRY) == ["SENT", "ACKNOWLEDGED"]
    (stop,) = host.resting()
    assert stop.order.order_id == STOP
    assert stop.order.quantity <= host.held < stop.order.quantity + BTC.lot
    assert host.changes(STOP) == ["SENT", "ACKNOWLEDGED"]
    agrees(host)
    assert protected(host)
    assert not host.of(e.EntriesPaused)
    assert host.market.executor.health() == {
        "orders": "ok",
        "own_orders": "stream",
        "reconciled": "agreed",
        "stops": "on the venue",
    }


async def test_nothing_is_sent_that_is_not_durable(host: LiveHost) -> None:
    host.keep(host.engine.begin(flat(1).opened_at))
    host.ledger.fail_next = True
    with pytest.raises(LedgerError):
        host.keep(host.market.step(flat(1)))
    await host.hurry.passes(1)
    assert not host.venue.books.sent


@pytest.mark.parametrize("kind", ["applied", "lost"])
async def test_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(host: LiveHost, kind: str) -> None:
    host.venue.fail("submit", kind)
    host.venue.delay_reads(3)
    host.feed(flat(1))
    await host.hurry.breathe()
    assert host.changes(ENTRY) == ["SENT", "UNKNOWN"]
    assert kind == "applied" or host.state.orders[ENTRY].state is OrderState.UNKNOWN
    await host.hurry.passes(30)
    agrees(host)
    if kind == "applied":
        assert host.held
        assert protected(host)
    else:
        assert not host.held
        assert [change.reason for change in host.of(e.OrderChanged)][-1] == "never accepted"
        assert asked(host, "submit") == 1


async def test_an_order_is_absent_only_after_twice_the_read_lag() -> None:
    host = await LiveHost(venue=account(capabilities=replace(FULL, read_lag_ms=20_000))).start()
    host.venue.fail("submit", "lost")
    host.feed(flat(1))
    await host.hurry.passes(39)
    assert ENTRY in host.state.orders
    await host.hurry.passes(5)
    assert ENTRY not in host.state.orders


async def test_a_stop_never_accepted_is_placed_again_within_seconds(host: LiveHost) -> None:
    host.venue.fail("submit", "limited")
    host.feed(flat(1))
    host.venue.fail("submit", "lost")
    await host.hurry.passes(60)
    agrees(host)
    assert protected(host)
    assert host.market.executor.health()["stops"] == "on the venue"


async def test_a_refused_entry_is_an_event(host: LiveHost) -> None:
    host.venue.fail("submit", "rejected")
    host.feed(flat(1))
    await host.hurry.breathe()
    assert host.changes(ENTRY) == ["SENT", "REJECTED"]
    assert not host.state.holdings


@pytest.mark.parametrize("kind", ["limited", "down", "auth"])
async def test_an_entry_that_cannot_be_sent_in_time_is_given_up(host: LiveHost, kind: str) -> None:
    host.venue.fail("submit", kind, 9)
    host.feed(flat(1))
    await host.hurry.passes(20)
    assert host.changes(ENTRY) == ["SENT", "REJECTED"]
    assert not host.venue.books.sent
    assert not host.held


async def test_an_entry_may_be_sent_late_but_not_too_late(host: LiveHost) -> None:
    host.venue.fail("submit", "down")
    host.feed(flat(1))
    await host.hurry.until(lambda: host.held)
    assert host.hurry.seconds < host.waits.entry_s
    assert asked(host, "submit") == 2 + 1


async def test_a_stop_is_tried_for_as_long_as_it_takes_and_a_limit_is_honoured(host: LiveHost) -> None:
    down = [VenueUnavailable("The venue is down.")] * 8
    tries = stops_meet(host, RateLimited("The venue asks for patience.", 7.0), *down)
    host.feed(flat(1))
    await host.hurry.passes(6.9)
    assert tries == [0.0]
    await host.hurry.until(host.resting, 300)
    assert tries[1] == 7.0
    assert 100 < tries[-1] < 200
    assert [event.cause for event in host.of(e.EntriesPaused)] == ["venue"]
    await host.hurry.breathe()
    assert [event.cause for event in host.of(e.EntriesResumed)] == ["venue"]
    assert protected(host)


async def test_a_key_refused_with_a_position_is_told_once_and_protection_goes_on(
    host: LiveHost, caplog: pytest.LogCaptureFixture
) -> None:
    stops_meet(host, *[AuthFailed("The fake venue does not accept the key.")] * 5)
    host.venue.fail("open_orders", "auth", 3)
    host.feed(flat(1))
    await host.hurry.passes(20)
    told = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert [record.getMessage() for record in told] == ["key_refused"]
    assert "key" in host.market.executor.health()["orders"]
    assert [event.reason for event in host.of(e.EntriesPaused)] == ["The fake venue does not accept the key."]
    await host.hurry.until(host.resting)
    await host.hurry.passes(400)
    assert host.market.executor.health()["orders"] == "ok"
    assert not host.state.paused
    assert protected(host)
    agrees(host)


async def test_fills_are_told_before_the_end(host: LiveHost) -> None:
    host.venue.liquidity = Decimal("0.01")
    host.feed(flat(1))
    await host.hurry.until(lambda: host.changes(ENTRY)[-1] == "EXPIRED")
    told = [event for event in host.of(e.OrderFilled) + host.of(e.OrderChanged) if event.order_id == ENTRY]
    assert {event.quantity for event in told if isinstance(event, e.OrderFilled)} == {Decimal("0.01")}
    assert isinstance(host.of(e.OrderFilled)[0], type(told[0]))
    await host.hurry.until(host.resting)
    agrees(host)


async def test_without_a_stream_a_stop_that_went_off_is_noticed_by_looking() -> None:
    host = await LiveHost(venue=account(stream=False)).start()
    await entered(host)
    assert host.market.executor.health()["own_orders"] == "polling"
    host.venue.move(SYMBOL, Decimal(97))
    began = host.hurry.seconds
    await host.hurry.until(lambda: not host.state.holdings)
    assert host.hurry.seconds - began <= host.waits.poll_s + 1
    agrees(host)


async def test_a_silent_stream_is_made_up_for(host: LiveHost) -> None:
    await entered(host)
    host.venue._tell = lambda *told: None  # type: ignore[method-assign]
    host.venue.move(SYMBOL, Decimal(97))
    await host.hurry.until(lambda: not host.state.holdings, host.waits.calm_poll_s + 1)
    agrees(host)


async def test_a_broken_stream_leads_to_a_look_at_everything(host: LiveHost) -> None:
    await entered(host)
    rounds = host.market.executor._reconciler.rounds
    host.venue._tell = lambda *told: None  # type: ignore[method-assign]
    host.venue.move(SYMBOL, Decimal(97))
    host.venue.break_stream()
    await host.hurry.until(lambda: host.market.executor._reconciler.rounds > rounds, 10)
    assert not host.state.holdings
    assert host.market.executor.health()["own_orders"] == "polling"


@pytest.mark.parametrize("kind", ["lost", "applied", "down", ""])
async def test_an_exit_cancels_first_and_sells_what_is_held(host: LiveHost, kind: str) -> None:
    host.script[3] = SHORT
    await entered(host)
    if kind:
        host.venue.fail("cancel", kind)
    host.feed(flat(2), flat(3))
    await host.hurry.until(lambda: not host.state.holdings, 30)
    assert [event.trip.exit_reason for event in host.of(e.PositionClosed)] == ["opposite signal"]
    agrees(host)


async def test_a_stop_that_fills_while_it_is_withdrawn_is_booked(host: LiveHost) -> None:
    host.script[3] = SHORT
    await entered(host)
    host.venue._tell = lambda *told: None  # type: ignore[method-assign]
    host.venue.move(SYMBOL, Decimal(97))
    host.feed(flat(2), flat(3))
    await host.hurry.until(lambda: not host.state.holdings, 30)
    assert [event.trip.exit_reason for event in host.of(e.PositionClosed)] == ["stop"]
    agrees(host)


async def test_an_entry_is_intended_and_sent_in_one_transaction(host: LiveHost) -> None:
    host.keep(host.engine.begin(flat(1).opened_at))
    kinds = [type(event).__name__ for event in host.market.step(flat(1))]
    assert kinds[-2:] == ["OrderPlaced", "OrderChanged"]
    assert host.state.orders[ENTRY].state is OrderState.SENT


async def test_an_order_withdrawn_in_the_same_breath_is_never_sent(host: LiveHost) -> None:
    host.keep(host.engine.begin(flat(1).opened_at))
    placed = host.market.step(flat(1))
    gone = host.market.handle(OperatorRequest(host.venue.at, Action.FLATTEN))
    host.keep([*placed, *gone])
    await host.hurry.breathe()
    assert host.changes(ENTRY) == ["SENT", "CANCELLED"]
    assert not host.venue.books.sent
    assert not host.state.holdings


async def test_an_order_for_more_than_is_held_is_not_sent(host: LiveHost) -> None:
    await entered(host)
    holding = host.state.holdings["1"]
    stop = host.state.orders[STOP].order
    more = replace(stop, order_id="1-stop-9", client_order_id="ib9", quantity=holding.quantity * 2)
    host.keep_applied(e.OrderPlaced(host.venue.at, more))
    await host.hurry.breathe()
    assert host.changes("1-stop-9") == ["CANCELLED"]
    assert "ib9" not in host.venue.books.sent


async def test_entries_wait_for_exits(host: LiveHost) -> None:
    await entered(host)
    floor = host.market.executor.floor
    entry = host.of(e.OrderPlaced)[0].order
    again = replace(entry, order_id="1-entry-9", client_order_id="ib9")
    floor.orders.open[STOP].busy = True
    host.market.executor.place([again])
    await host.hurry.passes(2)
    assert "ib9" not in host.venue.books.sent
    floor.orders.open[STOP].busy = False
    await host.hurry.passes(1)
    assert "ib9" not in host.venue.books.sent  # it is not in the ledger that it is sent
    host.market.executor.recorded("1-entry-9")
    floor.turns.stir()
    await host.hurry.passes(1)
    assert "ib9" in host.venue.books.sent
    floor.orders.open[STOP].busy = True
    host.market.executor.place([replace(entry, order_id="1-entry-10", client_order_id="ib10")])
    await host.hurry.passes(20)
    assert "ib10" not in host.venue.books.sent
    assert "1-entry-10" not in floor.orders.open


async def test_without_immediate_orders_the_rest_of_an_entry_is_withdrawn() -> None:
    host = await LiveHost(venue=account(capabilities=replace(FULL, ioc=False))).start()
    host.venue._end = lambda resting, state: None  # type: ignore[method-assign]
    host.venue.liquidity = Decimal("0.01")
    host.feed(flat(1))
    await host.hurry.until(lambda: host.held)
    del host.venue._end
    await host.hurry.until(lambda: host.changes(ENTRY)[-1] == "CANCELLED")
    await host.hurry.passes(1)
    agrees(host)


async def test_an_order_the_venue_forgot_ends_as_cancelled(host: LiveHost) -> None:
    await entered(host)
    (stop,) = host.resting()
    host.venue._end(stop, OrderState.CANCELLED)
    del host.venue.books.orders[stop.venue_order_id]
    await host.hurry.until(lambda: len(host.of(e.OrderPlaced)) > 2)
    ended = [change for change in host.of(e.OrderChanged) if change.order_id == STOP][-1]
    assert (ended.state, ended.reason) == (OrderState.CANCELLED, "the venue does not know it any more")
    await host.hurry.until(host.resting)
    assert protected(host)


async def test_what_filled_in_part_was_not_rejected(host: LiveHost) -> None:
    await entered(host)
    (stop,) = host.resting()
    host.venue.execute(stop.venue_order_id, Decimal("0.01"))
    host.venue._end(stop, OrderState.REJECTED)
    await host.hurry.passes(1)
    assert host.changes(STOP)[-1] == "CANCELLED"
    assert protected(host)
    agrees(host)


async def test_a_stray_order_of_ours_is_withdrawn_and_everything_foreign_left_alone(host: LiveHost) -> None:
    await entered(host)
    (stop,) = host.resting()
    bid = replace(stop.order, side=Side.BUY, type=OrderType.LIMIT, price=Decimal(50), stop_price=None)
    theirs = host.venue.foreign(bid)
    stray = replace(bid, order_id="1-stop-9", client_order_id="ibstray")
    host.market.executor.floor.orders.remember(stray)
    host.venue._place(stray)
    await host.hurry.passes(200)
    assert host.state.trading_state is TradingState.ACTIVE
    assert host.market.executor.health()["reconciled"] == "agreed"
    assert host.venue.books.orders[theirs].state is OrderState.ACKNOWLEDGED
    assert [each.order.client_order_id for each in host.resting()] == [stop.order.client_order_id]


async def test_a_balance_that_went_down_by_itself_reduces_until_it_is_back(host: LiveHost) -> None:
    await entered(host)
    host.venue.locked["BTC"] -= Decimal("0.001")
    await host.hurry.until(lambda: host.state.trading_state is TradingState.REDUCING, 400)
    assert "BTC" in host.of(e.TradingStateChanged)[-1].reason
    assert "BTC" in host.market.executor.health()["reconciled"]
    host.venue.locked["BTC"] += Decimal("0.001")
    await host.hurry.until(lambda: host.state.trading_state is TradingState.ACTIVE, 400)


async def test_an_error_nobody_foresaw_breaks_no_order(host: LiveHost, caplog: pytest.LogCaptureFixture) -> None:
    await entered(host)
    real = host.venue.lookup
    met: list[Any] = []

    async def broken(order: Any) -> Any:
        if len(met) < 2:
            met.append(order)
            raise KeyError("clientOrderId")
        return await real(order)

    host.venue.lookup = broken  # type: ignore[method-assign]
    host.venue.move(SYMBOL, Decimal(97))
    await host.hurry.until(lambda: not host.state.holdings)
    agrees(host)
    for method in ("news", "open_orders"):
        setattr(host.venue, method, broken)
    host.venue.break_stream()
    met.clear()
    await host.hurry.passes(200)
    assert len(met) == 2
    assert "order_work_broke" in [record.getMessage() for record in caplog.records]


# ---- starting again --------------------------------------------------------------------------------------------


async def test_a_kill_before_the_order_left_ends_it(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.crash()
    await host.start()
    assert not host.venue.books.sent
    assert host.changes(ENTRY) == ["SENT", "REJECTED"]
    assert not host.state.holdings


async def test_a_kill_before_the_answer_finds_the_order_and_protects_it_first(host: LiveHost) -> None:
    host.keep(host.engine.begin(flat(1).opened_at))
    host.candles.append(flat(1))
    events = host.market.step(flat(1))
    host.journal.add(events)
    (order,) = [event.order for event in events if isinstance(event, e.OrderPlaced)]
    host.journal.commit()
    await host.venue.submit(order)
    await host.crash()
    host.venue.delay_reads(2)
    await host.start()
    await host.hurry.passes(1)
    assert host.held
    assert protected(host)
    agrees(host)


async def test_a_stop_that_went_off_while_nothing_ran_is_booked_at_the_start(host: LiveHost) -> None:
    await entered(host)
    await host.crash()
    host.venue.move(SYMBOL, Decimal(97))
    await host.start()
    assert not host.state.holdings
    assert [event.trip.exit_reason for event in host.of(e.PositionClosed)] == ["stop"]
    agrees(host)


async def test_a_position_without_a_stop_gets_one_at_the_start(host: LiveHost) -> None:
    await entered(host)
    await host.crash()
    (stop,) = host.resting()
    host.venue._end(stop, OrderState.CANCELLED)
    await host.start()
    await host.hurry.breathe()
    assert protected(host)
    assert len(host.resting()) == 1


async def test_a_venue_that_is_down_at_the_start_is_waited_for(host: LiveHost) -> None:
    await entered(host)
    await host.crash()
    host.venue.fail("connect", "down", 3)
    await host.start(wait=False)
    await host.hurry.passes(1)
    assert not host.ready
    await host.hurry.until(lambda: host.ready)
    agrees(host)


async def test_a_key_refused_at_the_start_ends_an_instance_that_holds_nothing() -> None:
    host = LiveHost()
    host.venue.fail("connect", "auth")
    with pytest.raises(AuthFailed):
        await host.start()


async def test_a_key_refused_at_the_start_leaves_a_holder_up_and_it_goes_on_trying(host: LiveHost) -> None:
    await entered(host)
    await host.crash()
    host.venue.closed = True
    host.venue.fail("connect", "auth", 4)
    await host.start()
    assert host.ready
    await host.hurry.breathe()
    assert [event.cause for event in host.of(e.EntriesPaused)] == ["venue"]
    await host.hurry.passes(400)
    assert not host.state.paused
    assert protected(host)
    agrees(host)


async def test_two_instances_on_one_account_leave_each_other_alone() -> None:
    venue = account()
    one = await LiveHost(venue=venue).start()
    two = await LiveHost(venue=venue, namespace="home/beta", hurry=one.hurry).start()
    one.feed(flat(1))
    two.feed(flat(1))
    await one.hurry.until(lambda: len(one.resting()) == len(two.resting()) == 1)
    await one.hurry.passes(400)
    await one.crash()
    await two.crash()
    venue.closed = False
    await one.start()
    await one.hurry.passes(400)
    assert len(one.resting()) == len(two.resting()) == 1
    assert one.state.trading_state is TradingState.ACTIVE
    agrees(one, two)
    agrees(two, one)


# ---- corners ---------------------------------------------------------------------------------------------------


async def test_an_order_no_question_finds_is_still_known_by_its_fills(caplog: pytest.LogCaptureFixture) -> None:
    host = await LiveHost(venue=account(stream=False)).start()

    async def nothing(order: Any) -> None:
        return None

    real, host.venue.lookup = host.venue.lookup, nothing  # type: ignore[method-assign]
    host.venue.fail("submit", "applied")
    host.feed(flat(1))
    await host.hurry.until(lambda: host.held)
    assert "order_unknown_but_filled" in [record.getMessage() for record in caplog.records]
    host.venue.lookup = real  # type: ignore[method-assign]
    await host.hurry.passes(60)
    assert protected(host)
    agrees(host)


async def test_what_filled_in_part_and_then_vanished_ends_as_cancelled() -> None:
    host = await LiveHost(venue=account(stream=False)).start()

    async def nothing(order: Any) -> None:
        return None

    host.venue.liquidity = Decimal("0.01")
    real, host.venue.lookup = host.venue.lookup, nothing  # type: ignore[method-assign]
    host.venue.fail("submit", "applied")
    host.feed(flat(1))
    await host.hurry.until(lambda: "CANCELLED" in host.changes(ENTRY))
    host.venue.lookup = real  # type: ignore[method-assign]
    await host.hurry.passes(60)
    assert host.of(e.OrderFilled)[0].quantity == Decimal("0.01")
    assert protected(host)


async def test_a_withdrawal_that_a_venue_swallows_is_asked_for_again(host: LiveHost) -> None:
    host.script[3] = SHORT
    await entered(host)
    real = host.venue.cancel
    swallowed: list[Order] = []

    async def deaf(order: Order, venue_order_id: str | None) -> OrderReport | None:
        if not swallowed:
            swallowed.append(order)
            return OrderReport(host.venue.at, order.order_id, OrderState.ACKNOWLEDGED, venue_order_id)
        return await real(order, venue_order_id)

    host.venue.cancel = deaf  # type: ignore[method-assign]
    host.feed(flat(2), flat(3))
    await host.hurry.until(lambda: not host.state.holdings, 60)
    assert len(swallowed) == 1
    agrees(host)


async def test_what_was_heard_is_kept_when_the_ledger_fails(host: LiveHost) -> None:
    await host.crash()
    told: list[list[e.Event]] = []

    async def work() -> None:
        assert host.market._hearer is not None
        host.market._hearer(lambda: [e.EntriesPaused(1, "venue", "down")])
        host.market._hearer(lambda: [e.EntriesResumed(1, "venue")])
        await asyncio.Event().wait()

    host.ledger.fail_next = True
    with pytest.raises(LedgerError):
        await pump(host.market, Journal(host.ledger, lambda row: None, 1), work())
    host.market.hear(lambda conclude: told.append(list(conclude())))
    assert [event for events in told for event in events] == [e.EntriesResumed(1, "venue")]


async def test_trouble_before_there_is_capital_concludes_nothing(host: LiveHost) -> None:
    host.market.executor.floor.tell(VenueLost(host.venue.at, "down"))
    await host.hurry.breathe()
    assert not list(host.ledger.events())


async def test_orders_are_ours_for_long_but_not_for_ever(host: LiveHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.instance.own_orders.KEPT", 2)
    await entered(host)
    orders, order = host.market.executor.floor.orders, host.of(e.OrderPlaced)[0].order
    for number in range(2):
        orders.remember(replace(order, client_order_id=f"ib{number}"))
    assert orders.owner(SYMBOL, order.client_order_id, None) is None
    assert orders.owner(SYMBOL, "ib0", None) == replace(order, client_order_id="ib0")


async def test_a_fill_without_a_name_wakes_what_rests_in_its_symbol(host: LiveHost) -> None:
    await entered(host)
    host.venue._tell = lambda *told: None  # type: ignore[method-assign]
    host.venue.move(SYMBOL, Decimal(97))
    fill = host.venue.books.trades[-1][1]
    host.market.executor._listener.heed([replace(fill, order_id=""), replace(fill, order_id="somebody")])
    await host.hurry.breathe()
    assert not host.state.holdings
    agrees(host)
