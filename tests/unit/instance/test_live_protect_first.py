"""A start finds orders and re-arms protection while the past is still being read, and whether or not it can be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain.errors import VenueUnavailable
from investbot.domain.order import OrderState, Role
from investbot.domain.states import TradingState
from tests.unit.instance.live_hosts import SYMBOL, LiveHost, account, agrees, flat, protected


async def held() -> LiveHost:
    """A position whose stop somebody withdrew while no process ran."""
    host = await LiveHost(venue=account(stream=False)).start()
    host.risk = replace(host.risk, daily_loss_fraction=Decimal("0.0001"), max_drawdown_fraction=Decimal("0.0002"))
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    await host.crash()
    (stop,) = host.resting()
    host.venue._end(stop, OrderState.CANCELLED)
    return host


async def test_protection_does_not_wait_for_candles() -> None:
    host = await held()
    come = asyncio.Event()
    host.candles_come = come.wait  # type: ignore[assignment]
    await host.start(wait=False)
    await host.hurry.until(lambda: host.resting() and protected(host))
    assert not host.ready
    come.set()
    await host.hurry.until(lambda: host.ready)
    assert host.state.marks
    agrees(host)


async def test_what_happens_meanwhile_is_heard() -> None:
    host = await held()
    come = asyncio.Event()
    host.candles_come = come.wait  # type: ignore[assignment]
    await host.start(wait=False)
    await host.hurry.until(lambda: host.resting() and protected(host))
    (stop,) = host.resting()
    host.venue._end(stop, OrderState.CANCELLED)
    began = host.hurry.seconds
    await host.hurry.until(lambda: host.resting() and protected(host))
    assert host.hurry.seconds - began < host.waits.reconcile_s
    assert not host.ready


async def test_a_past_that_cannot_be_read_fails_the_start_once_all_is_protected() -> None:
    host = await held()

    async def never() -> None:
        raise VenueUnavailable("There are no candles.")

    host.candles_come = never
    await host.start(wait=False)
    await host.hurry.until(lambda: host.ready)
    with pytest.raises(VenueUnavailable, match="no candles"):
        host._begun.result()
    assert host.resting()
    assert protected(host)
    agrees(host)


async def test_old_prices_break_no_limit_and_raise_no_peak() -> None:
    host = await held()
    host.candles = [flat(-3, "40"), flat(-2, "900"), flat(-1, "40"), *host.candles]
    come = asyncio.Event()
    engine_warm = []

    async def slowly() -> None:
        for candle in host.candles[:3]:
            host.engine.warm(candle)
            engine_warm.append(candle)
        await come.wait()

    host.candles_come = slowly
    await host.start(wait=False)
    await host.hurry.until(lambda: engine_warm and host.resting() and protected(host))
    (stop,) = host.resting()
    host.venue.execute(stop.venue_order_id, stop.order.quantity)
    await host.hurry.until(lambda: [f for f in host.of(e.OrderFilled) if f.order_id == stop.order.order_id])
    assert not host.of(e.PositionClosed)
    come.set()
    await host.hurry.until(lambda: host.ready)
    await host.hurry.until(lambda: not host.state.holdings)
    assert not host.of(e.TradingStateChanged)
    assert [event.equity for event in host.of(e.PeakRaised)] == []
    assert host.state.trading_state is TradingState.ACTIVE
    agrees(host)


async def test_a_stop_that_was_filled_while_nobody_looked_ends_the_trip_with_its_extremes() -> None:
    host = await LiveHost(venue=account(stream=False)).start()
    host.feed(flat(1))
    await host.hurry.until(lambda: host.resting() and protected(host))
    host.feed(flat(2, "100.90"))
    await host.crash()
    host.venue.move(SYMBOL, Decimal("98.90"))
    await host.start()
    (closed,) = host.of(e.PositionClosed)
    assert closed.trip.exit_reason == "stop"
    assert closed.trip.mfe == Decimal("0.009000")
    assert [p.order.role for p in host.of(e.OrderPlaced)] == [Role.ENTRY, Role.STOP]
