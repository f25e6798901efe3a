"""What a start makes of orders that an earlier process decided, sent, or may have sent."""

from __future__ import annotations

import pytest

from investbot.domain import events as e
from investbot.domain.order import Fill, Order, OrderReport, OrderState, Role
from tests.unit.instance.live_hosts import START, LiveHost, agrees, flat, protected

ENTRY, STOP = "1-entry-1", "1-stop-2"


@pytest.fixture
async def host() -> LiveHost:
    return await LiveHost().start()


async def cut_off(host: LiveHost, role: Role, *, sent: bool) -> None:
    """Crash when an order of that role is durable, and where asked for also that it is sent; the venue never got it."""
    submit = host.venue.submit

    async def never(order: Order) -> OrderReport:
        if order.role is role:
            await host.hurry.sleep(10_000)
        return await submit(order)

    host.venue.submit = never  # type: ignore[method-assign]
    executor = host.market.executor
    if not sent:
        recorded = executor.recorded
        executor.recorded = lambda order_id: None if f"-{role}-" in order_id else recorded(order_id)  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.passes(5)
    if not sent:
        drop_sent(host, role)
    await host.crash()
    host.venue.submit = submit  # type: ignore[method-assign]


def drop_sent(host: LiveHost, role: Role) -> None:
    """Let the ledger be what it was just before it said SENT."""
    kept = [
        recorded.event
        for recorded in host.ledger.events()
        if not (isinstance(recorded.event, e.OrderChanged) and f"-{role}-" in recorded.event.order_id)
    ]
    cursor = host.ledger.cursor()
    host.ledger = type(host.ledger)()
    host.ledger.append(kept, cursor)


async def test_the_ledger_says_sent_before_the_venue_hears_of_an_order(host: LiveHost) -> None:
    said: list[list[str]] = []
    submit = host.venue.submit

    async def watched(order: Order) -> OrderReport:
        said.append(host.changes(order.order_id))
        return await submit(order)

    host.venue.submit = watched  # type: ignore[method-assign]
    host.feed(flat(1))
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes(STOP))
    assert said == [["SENT"], ["SENT"]]


async def test_a_stop_that_was_never_sent_goes_out_at_once(host: LiveHost) -> None:
    await cut_off(host, Role.STOP, sent=False)
    assert host.changes(STOP) == []
    began = host.hurry.seconds
    await host.start(wait=False)
    await host.hurry.until(lambda: protected(host) and host.resting())
    assert host.hurry.seconds - began < 1
    agrees(host)


async def test_an_entry_that_was_never_sent_is_given_up(host: LiveHost) -> None:
    await cut_off(host, Role.ENTRY, sent=False)
    await host.start()
    await host.hurry.passes(30)
    assert host.changes(ENTRY) == ["REJECTED"]
    assert host.venue.books.sent == []
    assert not host.state.holdings


async def restarted(host: LiveHost, seconds_ago: float) -> float:
    """Start after a while at a venue whose time runs as the wall's; give the seconds until the stop rests."""
    later = START + int(seconds_ago * 1000)
    began = host.hurry.seconds
    await host.start(wait=False)
    host.market.executor.floor.now = lambda: later + int((host.hurry.seconds - began) * 1000)
    await host.hurry.until(lambda: protected(host) and host.resting())
    agrees(host)
    return host.hurry.seconds - began


async def test_an_order_sent_just_now_gets_all_patience(host: LiveHost) -> None:
    await cut_off(host, Role.STOP, sent=True)
    assert host.changes(STOP) == ["SENT"]
    assert await restarted(host, 1) >= 10


async def test_patience_goes_on_where_an_earlier_start_was_cut_short(host: LiveHost) -> None:
    await cut_off(host, Role.STOP, sent=True)
    assert await restarted(host, 60) < 2
    assert host.changes(STOP) == ["SENT", "REJECTED"]


async def test_a_clock_that_stands_still_shortens_no_patience(host: LiveHost) -> None:
    await cut_off(host, Role.STOP, sent=True)
    host.venue.at += 3_600_000
    began = host.hurry.seconds
    await host.start()
    assert host.hurry.seconds - began >= 10


async def test_fills_that_come_together_get_one_stop(host: LiveHost) -> None:
    submit = host.venue.submit

    async def in_parts(order: Order) -> OrderReport:
        if order.role is Role.ENTRY:
            return OrderReport(order.placed_at, order.order_id, OrderState.ACKNOWLEDGED, "77")
        return await submit(order)

    host.venue.submit = in_parts  # type: ignore[method-assign]
    own = host.market.executor.floor.orders
    host.feed(flat(1))
    entry = next(iter(own.open.values())).order
    half = entry.quantity / 2
    price = entry.price or half
    told = [
        Fill(START, entry.client_order_id, number, entry.symbol, entry.side, price, half, half / 1000, "BTC")
        for number in ("t1", "t2")
    ]
    host.market.executor._listener.heed(told)
    await host.hurry.passes(1)
    assert [event.order.role for event in host.of(e.OrderPlaced)] == [Role.ENTRY, Role.STOP]
