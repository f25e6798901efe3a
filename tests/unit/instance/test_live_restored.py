"""A ledger that was taken back does not know what came after: the venue is asked, and until then nothing is entered."""

from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain.facts import Action, OperatorRequest
from investbot.instance.lost_orders import Restored
from tests.unit.instance.live_hosts import LONG, LiveHost, flat

ENTRY, STOP = "1-entry-1", "1-stop-2"
BEFORE, AFTER = "home/alpha", "home/alpha#1"


@pytest.fixture
async def host() -> LiveHost:
    return await LiveHost(script={1: LONG, 4: LONG}).start()


def take_back(host: LiveHost, seq: int) -> None:
    """Let the ledger be what it was after event `seq`, as a restore does, and nothing else."""
    kept = [recorded.event for recorded in host.ledger.events() if recorded.seq <= seq]
    cursor = host.ledger.cursor()
    host.ledger = type(host.ledger)()
    host.ledger.append(kept, cursor)
    host.namespace = AFTER
    host.restored = Restored(seq, (BEFORE,))


def seq_before(host: LiveHost, kind: type[e.SignalRaised | e.PositionOpened]) -> int:
    return next(recorded.seq for recorded in host.ledger.events() if isinstance(recorded.event, kind)) - 1


async def with_a_position(host: LiveHost) -> None:
    host.feed(flat(1))
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes(STOP))


def pauses(host: LiveHost) -> list[tuple[str, str]]:
    return [(event.cause, event.reason) for event in host.of(e.EntriesPaused)]


async def test_a_position_from_after_the_restored_moment_is_said_and_stops_entries(host: LiveHost) -> None:
    await with_a_position(host)
    await host.crash()
    take_back(host, seq_before(host, e.SignalRaised))
    sent = list(host.venue.books.sent)
    await host.start()
    assert [cause for cause, _ in pauses(host)] == ["restored", "operator"]
    told = pauses(host)[1][1]
    assert told.startswith(f"paused by the restore to event {host.restored.seq if host.restored else 0}, whose ledger")
    assert f"order {ENTRY} (" in told
    assert "filled, filled)." in told
    assert f"order {STOP} (0 of " in told
    assert "filled, open)." in told
    assert told.endswith("Settle that at the venue, then resume")
    assert set(host.state.paused) == {"operator"}
    host.feed(flat(2), flat(3), flat(4))
    await host.hurry.passes(30)
    assert host.venue.books.sent == sent
    assert [each.state.value for each in host.venue.books.orders.values()][-1] == "ACKNOWLEDGED"


async def test_once_an_operator_resumes_new_orders_have_names_of_their_own(host: LiveHost) -> None:
    await with_a_position(host)
    await host.crash()
    take_back(host, seq_before(host, e.SignalRaised))
    sent = set(host.venue.books.sent)
    await host.start()
    host.feed(flat(2), flat(3))
    host.tell(OperatorRequest(host.venue.at, Action.RESUME))
    host.feed(flat(4))
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes(STOP))
    assert not {event.order.client_order_id for event in host.of(e.OrderPlaced)} & sent


async def test_nothing_lost_lets_entries_go_on(host: LiveHost) -> None:
    host.script = {2: LONG}
    await host.crash()
    await host.start()
    host.feed(flat(0))
    await host.crash()
    take_back(host, 1)
    await host.start()
    assert [event.cause for event in host.of(e.EntriesResumed)] == ["restored"]
    assert host.state.paused == {}
    host.feed(flat(1))
    await host.hurry.until(lambda: "ACKNOWLEDGED" in host.changes(STOP))


async def test_no_entry_is_made_before_the_venue_was_asked(host: LiveHost) -> None:
    host.script = {}
    await host.crash()
    await host.start()
    host.feed(flat(0))
    await host.crash()
    take_back(host, 1)
    host.venue.fail("lookup", "down", times=5)
    await host.start(wait=False)
    await host.hurry.breathe()
    assert set(host.state.paused) >= {"restored"}
    await host.hurry.until(lambda: host.ready)
    assert host.state.paused == {}


async def test_the_venue_is_asked_once(host: LiveHost) -> None:
    await with_a_position(host)
    await host.crash()
    take_back(host, seq_before(host, e.SignalRaised))
    await host.start()
    await host.crash()
    said = len(pauses(host))
    host.venue.asked.clear()
    await host.start()
    assert len(pauses(host)) == said
    assert "lookup" not in host.venue.asked


async def test_exits_of_a_position_that_is_known_are_found_too(host: LiveHost) -> None:
    """The restored ledger ends between the entry's fill and the stop that came next."""
    await with_a_position(host)
    await host.crash()
    take_back(host, seq_before(host, e.PositionOpened) + 1)
    await host.start()
    assert any(cause == "operator" and f"order {STOP} (" in reason for cause, reason in pauses(host))


async def test_orders_that_came_to_nothing_are_not_worth_a_word(host: LiveHost) -> None:
    host.venue.liquidity = Decimal(0)
    host.feed(flat(1))
    await host.hurry.until(lambda: "EXPIRED" in host.changes(ENTRY))
    await host.crash()
    take_back(host, seq_before(host, e.SignalRaised))
    host.venue.asked.clear()
    await host.start()
    assert host.venue.asked.count("lookup") > 3
    assert host.state.paused == {}


async def test_a_refused_key_leaves_entries_paused(host: LiveHost) -> None:
    await with_a_position(host)
    await host.crash()
    take_back(host, seq_before(host, e.PositionOpened) + 1)
    host.venue.fail("connect", "auth", times=50)
    await host.start()
    assert "restored" in host.state.paused
