"""What every trading venue promises, shown on ccxt's Binance over loopback and on the fake that stands in for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import AuthFailed, OrderRejected, OutcomeUnknown, VenueUnavailable
from investbot.domain.market import Instrument
from investbot.domain.order import (
    DONE,
    Fill,
    Order,
    OrderState,
    OrderType,
    Role,
    Side,
    TimeInForce,
)
from investbot.ports.trading import TradingVenue, VenueOrder
from tests.exchange.exchange import Exchange
from tests.fakes.trading import FakeTrading

BTC = Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5))
START = 1_700_000_000_000
QUANTITY = Decimal("0.01")
S = OrderState


@dataclass
class Stand:
    """A venue with 10 000 USDT on it, a price that stands still, and hands to trouble it with."""

    venue: TradingVenue
    now: Callable[[], int]
    price: Callable[[], Decimal]
    lose: Callable[[str, bool], None]
    """Lose the next answer to "submit" or "cancel", after it was carried out or before."""
    revoke: Callable[[], None]
    drop: Callable[[Decimal], None]
    """Multiply the price, for good."""
    human: Callable[[Order], str]
    sent: Callable[[], list[str]]
    lag: Callable[[], None]
    """Let reads see the account as it is now for a while."""
    made: list[int] = field(default_factory=list)

    def order(self, role: Role, side: Side = Side.SELL, factor: str = "1", quantity: Decimal = QUANTITY) -> Order:
        """Compose an order as the engine does: entries limit IOC, stops, the rest at market; targets rest."""
        self.made.append(1)
        name = f"1-{role}-{len(self.made)}"
        price = BTC.price_down(self.price() * Decimal(factor))
        kind = {Role.ENTRY: OrderType.LIMIT, Role.TARGET: OrderType.LIMIT, Role.STOP: OrderType.STOP}
        return Order(
            order_id=name,
            client_order_id="ib" + name.replace("-", "").ljust(22, "0"),
            plan_id="1",
            placed_at=self.now(),
            symbol="BTC/USDT",
            side=side,
            type=kind.get(role, OrderType.MARKET),
            role=role,
            quantity=quantity,
            reason="contract",
            price=price if role in {Role.ENTRY, Role.TARGET} else None,
            stop_price=price if role is Role.STOP else None,
            time_in_force=TimeInForce.IOC if role is Role.ENTRY else TimeInForce.GTC,
        )

    async def bought(self) -> Decimal:
        """Buy at market what rests can protect; tells what is held after the fee."""
        await self.venue.submit(self.order(Role.ENTRY, Side.BUY, "1.01"))
        return BTC.quantity_down((await self.venue.balances())["BTC"].free)


@asynccontextmanager
async def ccxt() -> AsyncIterator[Stand]:
    async with Exchange(seed=7, start=START, speed=0) as exchange:
        venue = CcxtTrading(
            "binance",
            exchange.credentials("main"),
            SystemClock(),
            settings=exchange.settings() | {"timeout": 1000, "timeout_on_exit": 1},
        )

        def human(order: Order) -> str:
            said = {"symbol": "BTCUSDT", "side": order.side.upper(), "type": "LIMIT", "timeInForce": "GTC"}
            told = exchange.admin.order("main", **said, quantity=str(order.quantity), price=str(order.price))
            return str(told["orderId"])

        def lose(what: str, applied: bool) -> None:
            endpoint = {"submit": "POST order", "cancel": "DELETE order"}[what]
            exchange.faults.add(endpoint, "reset", when="after" if applied else "before", count=2 - applied)

        def drop(factor: Decimal) -> None:
            exchange.admin.price("BTCUSDT", float(factor))
            exchange.core.now.start += 2_000  # type: ignore[attr-defined]
            exchange.step()

        yield Stand(
            venue,
            exchange.core.now,
            lambda: Decimal(exchange.admin.state()["prices"]["BTCUSDT"]),
            lose,
            lambda: (exchange.admin.key("main", revoked=True), None)[1],
            drop,
            human,
            lambda: [submission.query["newClientOrderId"] for submission in exchange.core.submissions],
            lambda: (exchange.admin.set(lag_s=0.4), None)[1],
        )
        await venue.close()


@asynccontextmanager
async def fake() -> AsyncIterator[Stand]:
    venue = FakeTrading({"USDT": Decimal(10_000)}, {"BTC/USDT": Decimal(60_000)}, at=START)

    def revoke() -> None:
        for method in ("submit", "cancel", "lookup", "open_orders", "fills", "balances", "connect"):
            venue.fail(method, "auth", 10)

    def drop(factor: Decimal) -> None:
        venue.move("BTC/USDT", BTC.price_down(venue.prices["BTC/USDT"] * factor))

    yield Stand(
        venue,
        lambda: venue.at,
        lambda: venue.prices["BTC/USDT"],
        lambda what, applied: venue.fail(what, "applied" if applied else "lost"),
        revoke,
        drop,
        venue.foreign,
        lambda: venue.books.sent,
        lambda: venue.delay_reads(1),
    )


@pytest.fixture(params=[ccxt, fake], ids=["ccxt", "fake"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    make: Callable[[], AbstractAsyncContextManager[Stand]] = request.param
    async with make() as made:
        await made.venue.connect({"BTC/USDT": BTC})
        yield made


async def test_an_entry_fills_and_the_fills_say_so_to_the_last_digit(stand: Stand) -> None:
    order = stand.order(Role.ENTRY, Side.BUY, "1.01")
    before = (await stand.venue.balances())["USDT"].free
    report = await stand.venue.submit(order)
    assert (report.order_id, report.state) == (order.order_id, S.ACKNOWLEDGED)
    assert report.venue_order_id
    pairs = await stand.venue.fills("BTC/USDT", None, START - 1000)
    assert {venue_order_id for venue_order_id, _ in pairs} == {report.venue_order_id}
    fills = [fill for _, fill in pairs]
    assert sum(fill.quantity for fill in fills) == QUANTITY
    assert all(fill.order_id in {"", order.client_order_id} and fill.side is Side.BUY for fill in fills)
    held = await stand.venue.balances()
    fees = sum((fill.fee for fill in fills if fill.fee_currency == "BTC"), Decimal(0))
    assert held["BTC"].free == QUANTITY - fees
    assert before - held["USDT"].free == sum(fill.price * fill.quantity for fill in fills)


async def test_an_entry_out_of_reach_expires_empty(stand: Stand) -> None:
    order = stand.order(Role.ENTRY, Side.BUY, "0.97")
    report = await stand.venue.submit(order)
    assert report.state is S.EXPIRED
    found = await stand.venue.lookup(order)
    assert found is not None
    assert (found.report.state, found.filled) == (S.EXPIRED, Decimal(0))
    assert (await stand.venue.balances())["USDT"].locked == 0


async def test_a_stop_rests_locks_and_can_be_withdrawn_once(stand: Stand) -> None:
    held = await stand.bought()
    stop = stand.order(Role.STOP, factor="0.98", quantity=held)
    report = await stand.venue.submit(stop)
    assert report.state is S.ACKNOWLEDGED
    assert (await stand.venue.balances())["BTC"].locked == held
    (resting,) = await stand.venue.open_orders("BTC/USDT")
    assert (resting.client_order_id, resting.quantity, resting.filled) == (stop.client_order_id, held, Decimal(0))
    gone = await stand.venue.cancel(stop, report.venue_order_id)
    assert gone is not None
    assert (gone.state, gone.order_id) == (S.CANCELLED, stop.order_id)
    assert await stand.venue.cancel(stop, report.venue_order_id) is None
    assert await stand.venue.cancel(stop, None) is None
    assert not await stand.venue.open_orders("BTC/USDT")


async def test_a_stop_can_be_withdrawn_by_its_client_id(stand: Stand) -> None:
    stop = stand.order(Role.STOP, factor="0.98", quantity=await stand.bought())
    await stand.venue.submit(stop)
    gone = await stand.venue.cancel(stop, None)
    assert gone is not None
    assert gone.state is S.CANCELLED


async def test_a_stop_that_is_reached_sells(stand: Stand) -> None:
    held = await stand.bought()
    stop = stand.order(Role.STOP, factor="0.98", quantity=held)
    await stand.venue.submit(stop)
    stand.drop(Decimal("0.95"))
    found = await stand.venue.lookup(stop)
    assert found is not None
    assert (found.report.state, found.filled) == (S.FILLED, held)
    assert await stand.venue.cancel(stop, found.venue_order_id) is None


async def test_a_stop_above_the_price_is_refused(stand: Stand) -> None:
    held = await stand.bought()
    with pytest.raises(OrderRejected, match="would trigger"):
        await stand.venue.submit(stand.order(Role.STOP, factor="1.02", quantity=held))


async def test_more_than_is_there_is_refused_and_never_existed(stand: Stand) -> None:
    order = stand.order(Role.EXIT, quantity=Decimal(1))
    with pytest.raises(OrderRejected, match=r"insufficient balance.*\.$"):
        await stand.venue.submit(order)
    assert await stand.venue.lookup(order) is None


@pytest.mark.parametrize("quantity", ["0", "0.000001", "-0.01"])
async def test_a_quantity_off_the_lot_is_refused(stand: Stand, quantity: str) -> None:
    with pytest.raises(OrderRejected):
        await stand.venue.submit(stand.order(Role.EXIT, quantity=Decimal(quantity)))


async def test_a_lost_answer_is_unknown_sent_once_and_found(stand: Stand) -> None:
    order = stand.order(Role.ENTRY, Side.BUY, "1.01")
    stand.lose("submit", True)
    with pytest.raises(OutcomeUnknown):
        await stand.venue.submit(order)
    assert stand.sent() == [order.client_order_id]
    found = await stand.venue.lookup(order)
    assert found is not None
    assert (found.client_order_id, found.filled, found.report.order_id) == (
        order.client_order_id,
        QUANTITY,
        order.order_id,
    )


async def test_a_request_that_was_lost_before_it_took_effect_is_not_found(stand: Stand) -> None:
    order = stand.order(Role.ENTRY, Side.BUY, "1.01")
    stand.lose("submit", False)
    with pytest.raises(OutcomeUnknown):
        await stand.venue.submit(order)
    assert await stand.venue.lookup(order) is None


async def test_a_cancel_whose_answer_was_lost_is_settled_by_a_lookup(stand: Stand) -> None:
    stop = stand.order(Role.STOP, factor="0.98", quantity=await stand.bought())
    report = await stand.venue.submit(stop)
    stand.lose("cancel", True)
    try:
        said = await stand.venue.cancel(stop, report.venue_order_id)
    except VenueUnavailable:
        said = None
    assert said is None
    found = await stand.venue.lookup(stop)
    assert found is not None
    assert found.report.state is S.CANCELLED


async def test_a_cancel_that_never_arrived_leaves_the_order(stand: Stand) -> None:
    stop = stand.order(Role.STOP, factor="0.98", quantity=await stand.bought())
    report = await stand.venue.submit(stop)
    stand.lose("cancel", False)
    with pytest.raises(VenueUnavailable):
        await stand.venue.cancel(stop, report.venue_order_id)
    assert len(await stand.venue.open_orders("BTC/USDT")) == 1


async def test_a_fresh_order_may_be_unknown_for_a_while(stand: Stand) -> None:
    stop = stand.order(Role.STOP, factor="0.98", quantity=await stand.bought())
    await asyncio.sleep(0.5)
    stand.lag()
    await stand.venue.submit(stop)
    assert await stand.venue.lookup(stop) is None
    await asyncio.sleep(0.5)
    found = await stand.venue.lookup(stop)
    assert found is not None
    assert found.report.state is S.ACKNOWLEDGED


async def test_a_client_id_protects_no_longer_once_the_order_is_done(stand: Stand) -> None:
    order = stand.order(Role.ENTRY, Side.BUY, "1.01")
    await stand.venue.submit(order)
    await stand.venue.submit(order)
    assert (await stand.venue.balances())["BTC"].free > QUANTITY


async def test_a_client_id_of_an_open_order_is_a_question(stand: Stand) -> None:
    held = await stand.bought()
    stop = stand.order(Role.STOP, factor="0.98", quantity=BTC.quantity_down(held / 2))
    await stand.venue.submit(stop)
    with pytest.raises((OutcomeUnknown, OrderRejected)):
        await stand.venue.submit(stop)


async def test_orders_of_a_human_are_seen_and_told_apart(stand: Stand) -> None:
    theirs = stand.human(stand.order(Role.TARGET, Side.BUY, "0.9"))
    (seen,) = await stand.venue.open_orders("BTC/USDT")
    assert seen.venue_order_id == theirs
    assert not seen.client_order_id.startswith("ib")


async def test_fills_are_read_from_the_last_known_one_on(stand: Stand) -> None:
    await stand.bought()
    first = await stand.venue.fills("BTC/USDT", None, START - 1000)
    assert await stand.venue.fills("BTC/USDT", first[-1][1].trade_id, START - 1000) == []
    await stand.bought()
    later = await stand.venue.fills("BTC/USDT", first[-1][1].trade_id, START - 1000)
    every = await stand.venue.fills("BTC/USDT", None, START - 1000)
    assert list(every) == [*first, *later]
    assert later
    assert await stand.venue.fills("BTC/USDT", None, stand.now() + 60_000) == []


async def test_the_stream_tells_orders_and_fills(stand: Stand) -> None:
    heard: list[VenueOrder | Fill] = []

    async def listen() -> None:
        while True:
            heard.extend(await stand.venue.news())

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0.3)
    order = stand.order(Role.ENTRY, Side.BUY, "1.01")
    await stand.venue.submit(order)
    for _ in range(100):
        fills = [each for each in heard if isinstance(each, Fill)]
        states = {each.report.state for each in heard if isinstance(each, VenueOrder)}
        if sum(fill.quantity for fill in fills) >= QUANTITY and S.FILLED in states:
            break
        await asyncio.sleep(0.02)
    listener.cancel()
    assert sum(fill.quantity for fill in fills) == QUANTITY
    assert {fill.order_id for fill in fills} == {order.client_order_id}
    told = [each for each in heard if isinstance(each, VenueOrder)]
    assert {each.client_order_id for each in told} == {order.client_order_id}
    assert told[-1].report.state in DONE
    pairs = await stand.venue.fills("BTC/USDT", None, START - 1000)
    assert {fill.trade_id: fill for _, fill in pairs} == {fill.trade_id: fill for fill in fills}


async def test_a_revoked_key_is_told_as_such_at_once(stand: Stand) -> None:
    await stand.bought()
    stand.revoke()
    order = stand.order(Role.EXIT)
    with pytest.raises(AuthFailed):
        await stand.venue.submit(order)
    with pytest.raises(AuthFailed):
        await stand.venue.cancel(order, "1")
    with pytest.raises(AuthFailed):
        await stand.venue.open_orders("BTC/USDT")
    with pytest.raises(AuthFailed):
        await stand.venue.connect({"BTC/USDT": BTC})


async def test_the_key_tells_its_rights(stand: Stand) -> None:
    rights = await stand.venue.rights()
    assert (rights.trade, rights.withdraw, rights.ip_restricted) == (True, False, True)


async def test_a_closed_venue_is_unavailable_and_closing_twice_is_safe(stand: Stand) -> None:
    await stand.venue.close()
    await stand.venue.close()
    with pytest.raises(VenueUnavailable):
        await stand.venue.balances()
    with pytest.raises(VenueUnavailable):
        await stand.venue.submit(stand.order(Role.EXIT))
    await stand.venue.connect({"BTC/USDT": BTC})
    assert (await stand.venue.balances())["USDT"].free == 10_000
