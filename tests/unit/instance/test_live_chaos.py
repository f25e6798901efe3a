"""Random faults and random crashes, seeded: at the end ledger and exchange tell the same, to the last digit."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from investbot.domain.order import Order, OrderState, OrderType, Role, Side
from investbot.domain.rules import ExitRules
from investbot.domain.signal import Signal
from investbot.domain.states import TradingState
from tests.unit.instance.live_hosts import (
    BTC,
    LONG,
    PRICE,
    SHORT,
    SYMBOL,
    FarTrading,
    Hurry,
    LiveHost,
    agrees,
    flat,
    protected,
)

SEEDS = 80
STEPS = 14
FAULTS = (
    ("submit", "lost"),
    ("submit", "applied"),
    ("submit", "applied"),
    ("submit", "down"),
    ("submit", "limited"),
    ("submit", "auth"),
    ("submit", "rejected"),
    ("cancel", "lost"),
    ("cancel", "applied"),
    ("cancel", "down"),
    ("lookup", "down"),
    ("lookup", "limited"),
    ("fills", "down"),
    ("open_orders", "auth"),
    ("balances", "down"),
)


def made(seed: int) -> tuple[random.Random, LiveHost]:
    chance = random.Random(seed)
    script: dict[int, Signal] = {n: chance.choice((LONG, LONG, SHORT)) for n in range(1, 200) if chance.random() < 0.6}
    exits = ExitRules(max_age_ms=0, trailing_fraction=Decimal(chance.choice(("0", "0.004"))))
    hurry = Hurry()
    venue = FarTrading(hurry, chance, stream=chance.random() < 0.7)
    return chance, LiveHost(venue=venue, script=script, exits=exits, hurry=hurry)


def trouble(chance: random.Random, host: LiveHost) -> None:
    """Do something to the exchange that exchanges do."""
    venue = host.venue
    kind = chance.random()
    if kind < 0.45:
        venue.fail(*chance.choice(FAULTS), times=chance.choice((1, 1, 3)))
    elif kind < 0.6:
        venue.delay_reads(chance.randrange(1, 5))
    elif kind < 0.7:
        venue.break_stream()
    elif kind < 0.85:
        venue.liquidity = chance.choice((None, Decimal("0.5"), Decimal("0.00003")))
    else:
        open_stops = [each for each in host.resting() if each.order.stop_price is not None]
        if open_stops:
            part = BTC.quantity_down(open_stops[0].remaining * Decimal(chance.choice(("0.2", "0.5"))))
            if part:
                venue.execute(open_stops[0].venue_order_id, part)


def theirs(number: int) -> Order:
    """A human's own order, far from the price."""
    return Order(
        f"h{number}",
        f"human{number}",
        "h",
        0,
        SYMBOL,
        Side.BUY,
        OrderType.LIMIT,
        Role.TARGET,
        Decimal(1),
        "",
        Decimal(40 + number),
    )


async def calm(host: LiveHost) -> None:
    """Let all faults be over and two comparisons go by."""
    host.venue._faults.clear()
    host.venue.lag = 0
    host.venue.liquidity = None
    await host.hurry.passes(2 * host.waits.reconcile_s + 60)


@pytest.mark.parametrize("block", range(4))
async def test_ledger_and_exchange_agree_whatever_happened(block: int) -> None:
    for seed in range(block * SEEDS // 4, (block + 1) * SEEDS // 4):
        await one(seed)


async def one(seed: int) -> None:
    chance, host = made(seed)
    await host.start()
    human = [host.venue.foreign(theirs(n)) for n in range(2)]
    price, number = PRICE, 0
    for _ in range(STEPS):
        if chance.random() < 0.6:
            trouble(chance, host)
        price = BTC.price_down(price * Decimal(str(1 + chance.uniform(-0.012, 0.012))))
        host.venue.move(SYMBOL, price, 60_000)
        if host.alive and host.ready:
            number += 1
            host.feed(flat(number, price))
        for _ in range(chance.randrange(4)):
            await host.hurry.passes(chance.choice((0.0, 0.1, 0.3, 1.0, 5.0, 20.0)))
        if chance.random() < 0.35:
            await host.crash()
            await host.start(wait=chance.random() < 0.5)
    await calm(host)
    try:
        agrees(host)
        assert protected(host)
        assert host.state.trading_state is TradingState.ACTIVE
        assert not host.state.paused
        assert all(host.venue.books.orders[each].state is OrderState.ACKNOWLEDGED for each in human)
        assert host.market.executor.health()["orders"] == "ok"
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    await host.crash()
    await host.start()
    await host.hurry.passes(10)
    agrees(host)
    await host.crash()
