"""A venue that takes no orders pauses entries, once, until it answers again."""

from __future__ import annotations

from investbot.domain import events as e
from investbot.domain import facts as f
from tests.unit.engine.builders import LONG, START, Host, flat

AT = START + 1_000


def test_entries_pause_while_the_venue_is_lost_and_the_reason_is_kept() -> None:
    host = Host(script={2: LONG, 4: LONG}).feed(flat(1))
    assert host.tell(f.VenueLost(AT, "the key is refused")) == [e.EntriesPaused(AT, "venue", "the key is refused")]
    assert host.tell(f.VenueLost(AT, "still")) == []
    host.feed(flat(2), flat(3))
    assert [denied.limit for denied in host.of(e.IntentDenied)] == ["entries_paused"]
    assert host.tell(f.VenueFound(AT + 1)) == [e.EntriesResumed(AT + 1, "venue")]
    assert host.tell(f.VenueFound(AT + 2)) == []
    host.feed(flat(4))
    assert len(host.of(e.PlanMade)) == 1
