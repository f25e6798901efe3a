"""A live market: durable before it is sent, sent once, found again, protected, and honest about its troubles."""

from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.domain import events as e
from tests.unit.instance.live_hosts import LiveHost, agrees, flat, protected


@pytest.fixture
async def host() -> LiveHost:
    return await LiveHost().start()


async def test_an_entry_fills_and_its_stop_rests_on_the_venue(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.hurry.until(host.resting)
    assert host.changes("1-entry-1") == ["SENT", "ACKNOWLEDGED"]
    (stop,) = host.resting()
    assert stop.order.order_id == "1-stop-2"
    assert stop.order.quantity <= host.held < stop.order.quantity + Decimal("0.00001")
    await host.hurry.until(lambda: host.changes("1-stop-2") == ["SENT", "ACKNOWLEDGED"])
    agrees(host)
    assert protected(host)
    assert not host.of(e.EntriesPaused)
