"""What the venue has of us and the ledger lacks: found, booked once, protected, said; strangers are never counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain.errors import NoStopsHere
from investbot.domain.facts import Action, OperatorRequest
from investbot.domain.order import Fill, Order, OrderReport, OrderState, OrderType, Role, Side
from investbot.domain.states import TradingState
from investbot.ports.trading import VenueOrder
from tests.fakes.trading import FULL
from tests.unit.instance.live_hosts import BTC, PRICE, START, SYMBOL, LiveHost, account, agrees, flat, protected

ENTRY, STOP = "1-entry-1", "1-stop-2"


@pytest.fixture
async def host() -> LiveHost:
    return await LiveHost(venue=account(stream=False)).start()


async def given_up(host: LiveHost) -> LiveHost:
    """Let the entry be made, its answer be lost, and all reads lag longer than anybody has patience for."""
    host.venue.fail("submit", "applied")
    host.venue.delay_reads(10_000)
    host.feed(flat(1))
    await host.hurry.until(lambda: host.changes(ENTRY)[-1:] == ["REJECTED"])
    assert not host.state.holdings
    return host


def surfaced(host: LiveHost, order_id: str = ENTRY) -> list[str]:
    return [c.reason for c in host.of(e.OrderChanged) if c.order_id == order_id and c.reason.startswith("surfaced")]


async def test_an_entry_that_surfaces_is_booked_once_protected_and_said(host: LiveHost) -> None:
    await given_up(host)
    host.venue.lag = 0
    await host.hurry.until(lambda: host.resting() and protected(host))
    agrees(host)
    (reason,) = surfaced(host)
    assert "never accepted with 0 filled, and the venue has" in reason
    told = [c.reason for c in host.of(e.TradingStateChanged)]
    assert told[0].startswith(f"reconcile: Order {ENTRY} surfaced")
    await host.hurry.until(lambda: host.state.trading_state is TradingState.ACTIVE)
    assert len(host.venue.books.sent) == 2


async def test_it_surfaces_in_the_next_process_too(host: LiveHost) -> None:
    await given_up(host)
    await host.crash()
    host.venue.lag = 0
    await host.start()
    await host.hurry.until(lambda: host.resting() and protected(host))
    agrees(host)
    await host.crash()
    await host.start()
    await host.hurry.passes(400)
    agrees(host)
    assert len(surfaced(host)) == 1
    assert host.state.trading_state is TradingState.ACTIVE


async def test_the_stream_makes_it_surface_at_once() -> None:
    host = await LiveHost().start()
    news = host.venue.news
    unheard: list[VenueOrder | Fill] = []

    async def late() -> Sequence[VenueOrder | Fill]:
        unheard.extend(await news())
        return []

    host.venue.news = late  # type: ignore[method-assign]
    await given_up(host)
    host.venue.lag = 0
    listener = host.market.executor._listener
    listener.heed([item for item in unheard if isinstance(item, VenueOrder)])
    listener.heed([item for item in unheard if isinstance(item, Fill)])
    began = host.hurry.seconds
    await host.hurry.until(lambda: host.resting() and protected(host))
    assert host.hurry.seconds - began < 10
    agrees(host)


async def test_a_venue_that_still_does_not_know_it_is_asked_again_and_again(host: LiveHost) -> None:
    await given_up(host)
    await host.hurry.passes(3 * host.waits.reconcile_s)
    assert host.state.trading_state is TradingState.ACTIVE
    assert not surfaced(host)


async def test_an_end_in_doubt_that_the_venue_confirms_is_settled(host: LiveHost) -> None:
    await given_up(host)
    (entry,) = host.venue.books.orders.values()
    entry.state, entry.filled = OrderState.EXPIRED, Decimal(0)
    host.venue.books.trades.clear()
    host.venue.lag = 0
    await host.hurry.passes(2 * host.waits.reconcile_s)
    asked = host.venue.asked.count("lookup")
    await host.hurry.passes(2 * host.waits.reconcile_s)
    assert host.venue.asked.count("lookup") == asked
    assert not surfaced(host)


async def late_trade(host: LiveHost, order_id: str, quantity: Decimal) -> None:
    """Let the venue tell of a trade of an order that was over."""
    order = next(p.order for p in host.of(e.OrderPlaced) if p.order.order_id == order_id)
    resting = next(r for r in host.venue.books.orders.values() if r.order.order_id == order_id)
    resting.filled += quantity
    resting.at = host.venue.at
    fill = Fill(
        host.venue.at, order.client_order_id, "late", SYMBOL, order.side, PRICE, quantity, Decimal(0), BTC.quote
    )
    host.venue.books.trades.append((resting.venue_order_id, fill))
    host.venue.free["BTC"] = host.venue.free.get("BTC", Decimal(0)) + quantity
    await host.hurry.passes(host.waits.reconcile_s + 60)


async def test_a_fill_that_is_told_after_the_end_is_booked(host: LiveHost) -> None:
    host.venue.liquidity = Decimal("0.05")
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    assert host.changes(ENTRY)[-1] == "EXPIRED"
    await late_trade(host, ENTRY, Decimal("0.02"))
    assert "late" in {fill.trade_id for fill in host.of(e.OrderFilled)}
    agrees(host)
    assert protected(host)
    assert host.state.trading_state is TradingState.ACTIVE


async def test_a_fill_that_cannot_be_booked_ends_entries_and_names_itself(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    await late_trade(host, ENTRY, Decimal("0.02"))
    assert host.state.trading_state is TradingState.REDUCING
    assert "The venue has trade late of order 1-entry-1" in host.of(e.TradingStateChanged)[-1].reason
    assert "late" not in {fill.trade_id for fill in host.of(e.OrderFilled)}


async def test_a_sale_that_surfaces_when_all_is_sold_is_said_and_not_booked() -> None:
    host = await LiveHost(venue=account(stream=False)).start()
    host.venue.free["BTC"] = Decimal(5)
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    submit = host.venue.submit

    async def once(order: Order) -> OrderReport:
        if order.role is Role.FLATTEN:
            host.venue.submit = submit  # type: ignore[method-assign]
            host.venue.fail("submit", "applied")
            host.venue.delay_reads(10_000)
        return await submit(order)

    host.venue.submit = once  # type: ignore[method-assign]
    host.tell(OperatorRequest(START, Action.FLATTEN))
    await host.hurry.until(lambda: host.changes("1-flatten-3")[-1:] == ["REJECTED"])
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes("1-flatten-4"))
    host.venue.lag = 0
    await host.hurry.until(lambda: not host.state.holdings)
    await host.hurry.passes(2 * host.waits.reconcile_s)
    assert host.state.trading_state is TradingState.REDUCING
    reason = host.of(e.TradingStateChanged)[-1].reason
    assert "Order 1-flatten-3 counts as done with 0 filled, and the venue has" in reason
    assert not surfaced(host, "1-flatten-3")


async def test_a_sale_of_more_than_is_held_is_not_taken_up(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    stop = next(p.order for p in host.of(e.OrderPlaced) if p.order.order_id == STOP)
    host.keep_applied(e.OrderChanged(START, STOP, OrderState.CANCELLED, None, "the venue does not know it any more"))
    host.market.executor.floor.orders.open.clear()
    surfacing = host.market.executor._reconciler._surfacing
    assert not surfacing.take_up(stop, "2", stop.quantity * 2)
    assert not surfacing.take_up(replace(stop, order_id="9-stop-9"), "2", None)
    assert surfacing.take_up(stop, "2", Decimal(0))
    assert not surfacing.take_up(stop, "2", Decimal(0))


async def test_fills_of_strangers_are_never_counted(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    theirs = Order("h", "", "h", 0, SYMBOL, Side.BUY, OrderType.MARKET, Role.ENTRY, Decimal(1), "")
    host.venue.foreign(theirs)
    await host.hurry.passes(2 * host.waits.reconcile_s)
    assert not host.of(e.TradingStateChanged)
    agrees(host)


async def test_orders_whose_client_ids_a_venue_rewrites_are_known_by_its_own(host: LiveHost) -> None:
    open_orders = host.venue.open_orders

    async def renamed(symbol: str) -> Sequence[VenueOrder]:
        return [replace(row, client_order_id=f"web_{row.venue_order_id}") for row in await open_orders(symbol)]

    host.venue.open_orders = renamed  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    await host.hurry.passes(2 * host.waits.reconcile_s)
    assert not host.of(e.TradingStateChanged)
    await host.crash()
    await host.start()
    await host.hurry.passes(2 * host.waits.reconcile_s)
    assert not host.of(e.TradingStateChanged)
    agrees(host)


async def test_a_keeper_that_broke_after_the_ledger_said_sent_goes_on(host: LiveHost) -> None:
    turns = host.market.executor.floor.turns
    until, left = turns.until, [1]

    async def breaks(check: object) -> None:
        if left:
            left.clear()
            await host.hurry.sleep(0.1)
            raise ZeroDivisionError
        await until(check)  # type: ignore[arg-type]

    recorded = host.market.executor.recorded
    host.market.executor.recorded = lambda order_id: None if order_id == ENTRY else recorded(order_id)  # type: ignore[method-assign]
    turns.until = breaks  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.until(lambda: host.venue.books.sent)
    assert host.changes(ENTRY)[0] == "SENT"
    await host.hurry.until(lambda: host.resting() and protected(host))
    agrees(host)


async def test_a_keeper_that_broke_while_it_sent_looks_before_anything_else(host: LiveHost) -> None:
    submit = host.venue.submit

    async def breaks(order: Order) -> OrderReport:
        host.venue.submit = submit  # type: ignore[method-assign]
        await submit(order)
        raise ZeroDivisionError

    host.venue.submit = breaks  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    agrees(host)
    assert len(host.venue.books.sent) == 2


# ---- venues that keep no stops ----------------------------------------------------------------------------------


async def test_where_no_stop_can_rest_none_is_asked_for_and_the_operator_sees_it() -> None:
    host = await LiveHost(venue=account(capabilities=replace(FULL, stop_market=False, stop_limit=False))).start()
    assert host.market.executor.health()["stops"] == "kept here"
    host.feed(flat(1))
    await host.hurry.until(lambda: host.held)
    host.feed(flat(2), flat(3))
    await host.hurry.passes(400)
    assert [p.order.role for p in host.of(e.OrderPlaced)] == [Role.ENTRY]
    assert host.market.executor.health()["stops"] == f"kept here: {SYMBOL}"
    host.venue.move(SYMBOL, Decimal("98.90"))
    host.feed(flat(4, "98.90"))
    await host.hurry.until(lambda: not host.state.holdings)
    assert host.of(e.PositionClosed)[0].trip.exit_reason == "stop"
    agrees(host)


async def test_a_market_that_takes_no_stops_is_asked_once_a_position(host: LiveHost) -> None:
    submit = host.venue.submit

    async def picky(order: Order) -> OrderReport:
        if order.role is Role.STOP:
            raise NoStopsHere(order.order_id)
        return await submit(order)

    host.venue.submit = picky  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.until(lambda: host.changes(STOP)[-1:] == ["REJECTED"])
    host.feed(flat(2), flat(3))
    await host.hurry.passes(400)
    assert [p.order.role for p in host.of(e.OrderPlaced)] == [Role.ENTRY, Role.STOP]
    assert host.market.executor.health()["stops"] == f"kept here: {SYMBOL}"
