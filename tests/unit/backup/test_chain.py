"""A segment that is gone, altered, swapped or of another history is named and nothing is believed."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.backup import chain
from investbot.backup.chain import (
    BEGINNING,
    Segment,
    SegmentName,
    Step,
    digest,
    joined,
    linked,
    needed,
    parse,
    read,
    write,
)
from investbot.domain.errors import DataError
from tests.unit.backup.segments import AT, SEAL, Events, Shipper, event

NAME = SegmentName(1, 1, 1, 3)
ROWS = tuple(event(seq) for seq in (1, 2, 3))
SEGMENT = Segment(NAME, "alpha", AT, BEGINNING, BEGINNING, (Step(3, "BTC/USDT", AT),), ROWS)


def shipped(*sizes: int) -> Shipper:
    shipper, ledger = Shipper(), Events()
    for size in sizes:
        ledger.grow(size)
        shipper.ship(ledger)
    return shipper


def test_a_segment_reads_back_as_it_was() -> None:
    text, mac = write(SEGMENT, SEAL)
    assert read(text, NAME, "alpha", (bytes(32), SEAL)) == (SEGMENT, mac)
    assert [json.loads(line) for line in text.splitlines()][2] == list(ROWS[0])


def test_names_are_read_as_they_are_written() -> None:
    assert str(NAME) == "0000000001-00000001-0000000001-0000000003.ibs"
    assert parse(str(NAME)) == NAME
    assert parse("0001-1-1-3.ibs") is None
    assert parse(f"{NAME}.part") is None


def test_no_flipped_byte_is_believed() -> None:
    text, _ = write(SEGMENT, SEAL)
    chance = random.Random(1)
    for place in range(len(text)):
        altered = bytearray(text)
        altered[place] ^= 1 << chance.randrange(8)
        with pytest.raises(DataError, match="0000000001-00000001"):
            read(bytes(altered), NAME, "alpha", (SEAL,))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1, -2, -80])
def test_no_cut_segment_is_believed(cut: int) -> None:
    text, _ = write(SEGMENT, SEAL)
    with pytest.raises(DataError, match="was altered, or comes from another vault or instance"):
        read(text[:cut], NAME, "alpha", (SEAL,))


def test_whole_lines_cannot_be_dropped_or_swapped() -> None:
    text, _ = write(SEGMENT, SEAL)
    lines = text.splitlines(keepends=True)
    for wrong in (lines[:2] + lines[3:], [*lines[:2], lines[3], lines[2], *lines[4:]], [*lines, lines[-1]], lines[1:]):
        with pytest.raises(DataError, match="was altered"):
            read(b"".join(wrong), NAME, "alpha", (SEAL,))


def test_another_seal_is_another_vault() -> None:
    text, _ = write(SEGMENT, SEAL)
    with pytest.raises(DataError, match="another vault"):
        read(text, NAME, "alpha", (bytes(32),))


def test_a_renamed_segment_is_named() -> None:
    text, _ = write(SEGMENT, SEAL)
    with pytest.raises(
        DataError, match=r"is 0000000001-00000001-0000000001-0000000003\.ibs of alpha under another name"
    ):
        read(text, SegmentName(1, 2, 4, 6), "alpha", (SEAL,))
    with pytest.raises(DataError, match="under another name"):
        read(text, NAME, "beta", (SEAL,))


def test_a_format_of_tomorrow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "FORMAT", 2)
    text, _ = write(SEGMENT, SEAL)
    monkeypatch.undo()
    with pytest.raises(DataError, match="has format 2; a newer InvestBot reads it"):
        read(text, NAME, "alpha", (SEAL,))


def test_the_segments_between_two_events_are_chosen() -> None:
    names = shipped(10, 5, 7, 1).shelf.parsed()
    assert [(each.first, each.last) for each in needed(names, "alpha", 0, None)] == [
        (1, 10),
        (11, 15),
        (16, 22),
        (23, 23),
    ]
    assert [each.first for each in needed(names, "alpha", 10, 22)] == [11, 16]
    assert [each.first for each in needed(names, "alpha", 12, 15)] == [11]
    assert needed(names, "alpha", 23, None) == []
    assert needed(names, "alpha", 30, 20) == []


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_segment_is_named_by_the_event_it_begins_with(gone: int) -> None:
    names = shipped(10, 5, 7, 1).shelf.parsed()
    missing = names.pop(gone)
    with pytest.raises(
        DataError, match=f"segment of alpha that begins with event {missing.first}.* is missing; the next"
    ):
        needed(names, "alpha", 0, None)


def test_a_missing_end_is_named() -> None:
    names = shipped(10, 5).shelf.parsed()
    with pytest.raises(DataError, match="begins with event 16 is missing, and none follows"):
        needed(names, "alpha", 0, 20)
    with pytest.raises(DataError, match="begins with event 1 is missing, and none follows"):
        needed([], "alpha", 0, 20)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=8), st.data())
def test_whatever_is_taken_out_is_noticed(sizes: list[int], data: st.DataObject) -> None:
    names = shipped(*sizes).shelf.parsed()
    gone = data.draw(st.integers(0, len(names) - 2))
    left = names[:gone] + names[gone + 1 :]
    after = data.draw(st.integers(0, names[gone].last - 1))
    with pytest.raises(DataError, match="is missing"):
        needed(left, "alpha", after, None)


def test_segments_of_one_chain_follow_each_other() -> None:
    shipper = shipped(10, 5, 7)
    read_back = shipper.shelf.segments(shipper.shelf.parsed())
    assert [row[0] for segment in linked(read_back) for row in segment.rows] == list(range(1, 23))


def test_a_segment_of_another_run_does_not_follow() -> None:
    """The same numbers, sealed with the same key, of a ledger that went another way."""
    first, second = shipped(10, 5, 7), Shipper()
    ledger = Events(10, "other")
    second.ship(ledger)
    ledger.grow(5)
    second.ship(ledger)
    name = first.shelf.parsed()[1]
    first.shelf.files[str(name)] = second.shelf.files[str(name)]
    with pytest.raises(DataError, match=f"{name} of alpha does not follow"):
        list(linked(first.shelf.segments(first.shelf.parsed())))


def test_neither_mac_nor_history_alone_makes_a_follower() -> None:
    text, mac = write(SEGMENT, SEAL)
    assert text
    after = digest(BEGINNING, ROWS)
    fits = replace(SEGMENT, name=SegmentName(1, 2, 4, 4), previous=mac, history=after, rows=(event(4),))
    assert len(list(linked([(SEGMENT, mac), (fits, "x")]))) == 2
    for wrong in (replace(fits, previous="0" * 64), replace(fits, history=BEGINNING)):
        with pytest.raises(DataError, match="does not follow"):
            list(linked([(SEGMENT, mac), (wrong, "x")]))


def test_a_segment_joins_the_history_it_goes_on_from_and_no_other() -> None:
    shipper = shipped(10, 5)
    segment = shipper.shelf.segments(shipper.shelf.parsed())[1][0]
    rows = Events(15).rows
    for last in range(10, 16):
        assert joined(segment, last, digest(BEGINNING, rows[:last]))
        assert not joined(segment, last, digest(BEGINNING, Events(15, "other").rows[:last]))
    assert not joined(segment, 9, digest(BEGINNING, rows[:9]))
    assert not joined(segment, 16, digest(BEGINNING, Events(16).rows))


def test_a_history_that_differs_long_before_its_end_does_not_join() -> None:
    shipper = shipped(10, 5)
    segment = shipper.shelf.segments(shipper.shelf.parsed())[1][0]
    rows = Events(15).rows
    rows[2] = event(3, "other")
    assert not joined(segment, 12, digest(BEGINNING, rows[:12]))
    assert digest(BEGINNING, rows) != digest(BEGINNING, Events(15).rows)
