"""What every ledger owes its callers: one suite for the encrypted file and for the fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.domain import events as ev
from investbot.domain.errors import LedgerError
from investbot.domain.market import Cursor
from investbot.ports.ledger import Ledger, Recorded
from tests.fakes.ledger import MemoryLedger
from tests.unit.adapters.storage.samples import KEY, START, Story, typical_batch


@pytest.fixture(params=["sqlcipher", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    made: Ledger
    if request.param == "sqlcipher":
        made = SqlcipherLedger.create(tmp_path / "ledger.db", KEY, instance="alpha")
    else:
        made = MemoryLedger()
    yield made
    made.close()


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    assert list(ledger.events()) == []
    assert ledger.cursor() is None


def test_events_come_back_as_they_were_numbered_from_one_without_holes(ledger: Ledger) -> None:
    told: list[ev.Event] = []
    for events, cursor in Story(3).batches(60):
        told += events
        assert ledger.append(events, cursor) == len(told)
    assert list(ledger.events()) == [Recorded(seq, event) for seq, event in enumerate(told, 1)]


def test_events_after_a_number_leave_out_what_came_before(ledger: Ledger) -> None:
    ledger.append(typical_batch(1), None)
    ledger.append(typical_batch(2), None)
    assert [recorded.seq for recorded in ledger.events(after=4)] == [5, 6]
    assert list(ledger.events(after=6)) == []


def test_the_cursor_is_that_of_the_last_append_that_had_one(ledger: Ledger) -> None:
    ledger.append(typical_batch(1), Cursor("BTC/USDT", START))
    assert ledger.cursor() == Cursor("BTC/USDT", START)
    ledger.append(typical_batch(2), None)
    assert ledger.cursor() == Cursor("BTC/USDT", START)
    ledger.append([], Cursor("PEPE/USDT", START + 1))
    assert ledger.cursor() == Cursor("PEPE/USDT", START + 1)


def test_an_empty_append_says_where_the_ledger_is(ledger: Ledger) -> None:
    assert ledger.append([], None) == 0
    ledger.append(typical_batch(1), None)
    assert ledger.append([], None) == 3


def test_events_can_be_read_while_more_are_written(ledger: Ledger) -> None:
    ledger.append(typical_batch(1), None)
    reading = ledger.events()
    first = next(reading)
    ledger.append(typical_batch(2), None)
    assert first.seq == 1
    assert [recorded.seq for recorded in reading][:2] == [2, 3]


def test_closing_twice_is_harmless_and_using_it_afterwards_is_an_error(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.append(typical_batch(1), None)
    with pytest.raises(LedgerError, match="closed"):
        ledger.cursor()
    with pytest.raises(LedgerError, match="closed"):
        list(ledger.events())
