"""What a ledger gains goes out once, in order, whatever is killed or lost meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.backup import shipping
from investbot.backup.chain import linked, needed
from investbot.domain.errors import BackupError
from tests.unit.backup.segments import AT, Events, Shipper

FIRST = AT // 1000


def history(shipper: Shipper, chain: int) -> list[tuple[int, str]]:
    names = [name for name in shipper.shelf.parsed() if name.chain == chain]
    segments = linked(shipper.shelf.segments(needed(names, "alpha", 0, None)))
    return [(row[0], row[3]) for segment in segments for row in segment.rows]


def known(ledger: Events) -> list[tuple[int, str]]:
    return [(row[0], row[3]) for row in ledger.rows]


def test_nothing_new_ships_nothing() -> None:
    shipper = Shipper()
    assert shipper.ship(Events()) == 0
    ledger = Events(4)
    assert shipper.ship(ledger) == 4
    assert shipper.ship(ledger) == 0
    assert len(shipper.shelf.files) == 1


def test_steps_go_with_their_events() -> None:
    shipper, ledger = Shipper(), Events(4)
    shipper.ship(ledger)
    ledger.grow(2)
    ledger.grow(3)
    shipper.ship(ledger, AT + 5)
    first, second = (segment for segment, _ in shipper.shelf.segments(shipper.shelf.parsed()))
    assert [step.seq for step in first.steps] == [4]
    assert [(step.seq, step.opened_at) for step in second.steps] == [(6, AT + 60_000), (9, AT + 120_000)]
    assert (first.shipped_at, second.shipped_at) == (AT, AT + 5)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_all_of_it_arrives_in_pieces_of_a_size(sizes: list[int], most: int) -> None:
    shipper, ledger = Shipper(), Events()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipping, "MOST_EVENTS", most)
        for size in sizes:
            ledger.grow(size)
            assert shipper.ship(ledger) == size
    assert history(shipper, FIRST) == known(ledger)
    assert all(name.last - name.first < most for name in shipper.shelf.parsed())


def test_a_lost_state_begins_a_whole_new_chain() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    shipper.state = None
    ledger.grow(2)
    assert shipper.ship(ledger) == 9
    assert history(shipper, FIRST + 1) == known(ledger)


def test_a_restored_ledger_begins_a_whole_new_chain() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    other = Events(5)
    assert shipper.ship(other) == 5
    assert history(shipper, FIRST + 1) == known(other)
    other.grow(4, "other")
    assert shipper.ship(other) == 4
    third = Events(9)
    assert shipper.ship(third) == 9
    assert history(shipper, FIRST + 2) == known(third)
    assert history(shipper, FIRST) == known(ledger)


def test_a_segment_that_is_gone_begins_a_new_chain() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    shipper.shelf.files.clear()
    ledger.grow(1)
    assert shipper.ship(ledger) == 8


def test_a_kill_before_the_state_is_written_ships_again() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    ledger.grow(3)
    shipper.shelf.put = _killed  # type: ignore[method-assign, assignment]
    with pytest.raises(BackupError):
        shipper.ship(ledger)
    del shipper.shelf.put
    ledger.grow(2)
    assert shipper.ship(ledger) == 5
    assert history(shipper, FIRST) == known(ledger)


def test_a_kill_after_the_state_is_written_is_finished() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    (name,) = shipper.shelf.files
    shipper.shelf.parts[name] = shipper.shelf.files.pop(name)
    ledger.grow(2)
    assert shipper.ship(ledger) == 2
    assert history(shipper, FIRST) == known(ledger)


def test_a_state_of_other_events_is_not_gone_on_with() -> None:
    shipper, ledger = Shipper(), Events(7)
    shipper.ship(ledger)
    assert shipper.state is not None
    shipper.state = replace(shipper.state, row="0" * 64)
    assert shipper.ship(ledger) == 7
    assert shipper.state.chain == FIRST + 1


def _killed(*_: object) -> None:
    raise BackupError("killed")


def test_a_clock_that_was_set_back_numbers_chains_on() -> None:
    shipper, ledger = Shipper(), Events(3)
    shipper.ship(ledger)
    shipper.state = None
    shipper.ship(ledger, AT - 9_000_000)
    shipper.state = None
    shipper.ship(ledger, AT + 9_000_000)
    assert [name.chain for name in shipper.shelf.parsed()] == [FIRST, FIRST + 1, FIRST + 9_000]
