"""What is put in is there until it is taken out: over a crash, a torn line, a full disk; no more than there is room."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor.life_notices import Told
from investbot.supervisor.outbox import OFTEN, WINDOW, Outbox
from investbot.supervisor.outbox_lines import Change, read_changes, write_change

AT = 1_767_355_445_000


def notice(key: str = "", **more: object) -> Notice:
    made = Notice(AT, Kind.TRADES, key or "x", key.partition("#")[0], "paper", "text", (("a", "b"),), key=key)
    return replace(made, **more)  # type: ignore[arg-type]


def titles(outbox: Outbox, now: int = AT) -> list[str]:
    return [each.title for _, each in outbox.due(now, lambda _: True)]


@pytest.fixture(autouse=True, scope="module")
def disk_that_is_quick() -> Iterator[None]:
    """Thousands of lines are written here, and no power is cut; what looks at the syncing patches it once more."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.jsonl"


def test_what_is_put_in_is_there_after_a_death(path: Path) -> None:
    first = notice("alpha#3", weight=Weight.GRAVE, tone=Tone.LOSS, due=5, topic="t", count=2)
    Outbox(path).add([first], AT, cursors={"alpha": 4}, lives={"alpha": Told("RUNNING", 7)}, day=3, up=True)
    again = Outbox(path)
    assert [each for _, each in again.due(AT, lambda _: True)] == [first]
    assert (again.cursor("alpha"), again.cursor("beta"), again.day, again.died) == (4, None, 3, True)
    assert again.told("alpha") == Told("RUNNING", 7)
    assert again.told_names() == ["alpha"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_arrived_does_not_come_back(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add([notice("alpha#1"), notice("alpha#2")], AT, cursors={"alpha": 2})
    ((number, _), _) = outbox.due(AT, lambda _: True)
    outbox.gone([number])
    assert titles(outbox) == titles(Outbox(path)) == ["alpha#2"]
    outbox.gone([])
    assert outbox.waiting() == 1


def test_an_event_is_told_once(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add([notice("alpha#3"), notice("alpha#3")], AT)
    outbox.add([notice("alpha#3")], AT, cursors={"alpha": 3})
    outbox.gone([1])
    outbox.add([notice("alpha#3"), notice("alpha#2"), notice("beta#2")], AT)
    assert titles(outbox) == ["beta#2"]
    outbox.forget(["alpha"])
    outbox.add([notice("alpha#2")], AT)
    assert titles(Outbox(path)) == ["beta#2", "alpha#2"]


def test_numbers_are_never_used_twice(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add([notice("alpha#1")], AT)
    outbox.gone([1])
    again = Outbox(path)
    again.add([notice("alpha#2")], AT)
    assert [number for number, _ in again.due(AT, lambda _: True)] == [2]


def test_a_torn_line_never_happened(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add([notice("alpha#1")], AT, cursors={"alpha": 1})
    whole = path.read_bytes()
    outbox.add([notice("alpha#2")], AT, cursors={"alpha": 2})
    for cut in range(len(whole), path.stat().st_size):
        torn = path.with_name("torn.jsonl")
        torn.write_bytes(path.read_bytes()[:cut])
        left = Outbox(torn)
        complete = cut >= path.stat().st_size - 1  # only the line's end is missing
        assert left.cursor("alpha") == (2 if complete else 1)
        assert titles(left) == (["alpha#1", "alpha#2"] if complete else ["alpha#1"])


def test_after_a_torn_line_the_next_one_is_whole(path: Path) -> None:
    write_change(path, Change(day=1))
    with path.open("ab") as file:
        file.write(b'{"day": ')
    write_change(path, Change(day=3))
    assert [change.day for change in read_changes(path)] == [1, 3]


@pytest.mark.parametrize("junk", [b"\xff\xfe\n", b"[]\n", b'{"put": {"x": 1}}\n', b'{"lives": {"a": 1}}\n', b"\n\n"])
def test_junk_is_left_out(path: Path, junk: bytes) -> None:
    Outbox(path).add([notice("alpha#1")], AT)
    path.write_bytes(junk + path.read_bytes() + junk)
    assert titles(Outbox(path)) == ["alpha#1"]


def test_the_weightiest_goes_first_then_the_oldest(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add(
        [notice("a#1"), notice("a#2", weight=Weight.ALARM), notice("a#3", weight=Weight.GRAVE), notice("a#4")], AT
    )
    assert titles(outbox) == ["a#2", "a#3", "a#1", "a#4"]
    assert [each.title for _, each in outbox.due(AT, lambda each: each.weight is Weight.LIGHT)] == ["a#1", "a#4"]
    assert outbox.waiting(lambda each: each.weight is Weight.LIGHT) == 2
    assert [number for number, _ in outbox.all_but(lambda each: each.weight is not Weight.ALARM)] == [2]


def test_what_flaps_is_counted(path: Path) -> None:
    outbox = Outbox(path)
    for number in range(10):
        outbox.add([notice(f"a#{number + 1}", topic="a:life")], AT + number)
    assert titles(outbox, AT + 10) == ["a#1", "a#2", "a#3"]
    again = Outbox(path)
    again.add([notice("a#11", topic="a:life"), notice("b#1", topic="b:life")], AT + 11)
    assert titles(again, AT + 11) == ["a#1", "a#2", "a#3", "b#1"]
    (last,) = [each for _, each in again.due(AT + WINDOW, lambda each: each.count > 1)]
    assert (last.title, last.count) == ("a#11", 11 - OFTEN)
    assert again.due(AT + WINDOW - 1, lambda each: each.count > 1) == []


def test_after_its_window_a_topic_is_told_again(path: Path) -> None:
    outbox = Outbox(path)
    for number in range(OFTEN):
        outbox.add([notice(f"a#{number + 1}", topic="t")], AT)
    outbox.add([notice("a#4", topic="t")], AT + WINDOW)
    assert "a#4" in titles(outbox, AT + WINDOW)


def test_a_single_one_too_many_is_not_lost(path: Path) -> None:
    outbox = Outbox(path)
    for number in range(OFTEN + 1):
        outbox.add([notice(f"a#{number + 1}", topic="t")], AT)
    assert titles(outbox, AT + WINDOW)[-1] == f"a#{OFTEN + 1}"


def test_too_much_is_dropped_and_said(path: Path) -> None:
    outbox = Outbox(path, most=5)
    outbox.add([notice(f"a#{n}") for n in range(1, 5)] + [notice("a#5", weight=Weight.ALARM)], AT)
    assert outbox.dropped == 0
    outbox.add([notice("a#6")], AT)
    assert titles(outbox) == ["a#5", "2 notices were dropped", "a#3", "a#4", "a#6"]
    outbox.add([notice(f"a#{n}", weight=Weight.GRAVE) for n in (7, 8, 9)], AT)
    assert titles(outbox) == ["a#5", "5 notices were dropped", "a#7", "a#8", "a#9"]
    assert outbox.dropped == Outbox(path).dropped == 5
    assert titles(Outbox(path)) == titles(outbox)


def test_an_alarm_is_not_dropped_for_something_lighter(path: Path) -> None:
    outbox = Outbox(path, most=3)
    outbox.add([notice(f"a#{n}", weight=Weight.ALARM) for n in (1, 2, 3)], AT)
    outbox.add([notice("a#4")], AT)
    assert titles(outbox) == ["a#2", "a#3", "2 notices were dropped"]


def test_the_file_stays_small(path: Path) -> None:
    outbox = Outbox(path)
    for number in range(1, 2500):
        outbox._commit(Change(cursors={"alpha": number}))
    assert len(path.read_bytes().splitlines()) < 2 * 1002
    assert Outbox(path).cursor("alpha") == 2499


def test_old_topics_are_forgotten(path: Path) -> None:
    outbox = Outbox(path)
    outbox.add([notice(f"a#{n}", topic=f"t{n}", due=0) for n in range(1, 400)], AT)
    outbox.add([notice(f"b#{n}", topic=f"u{n}", due=0) for n in range(1, 400)], AT + 1)
    again = Outbox(path)
    assert len(again._state.recent) == 500
    assert "u399" in again._state.recent


def test_a_full_disk_loses_nothing_while_the_process_lives(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(path)
    real = os.fsync

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    outbox.add([notice("a#1")], AT, cursors={"a": 1})
    outbox.add([notice("a#2")], AT, cursors={"a": 2})
    assert titles(outbox) == ["a#1", "a#2"]
    monkeypatch.setattr(os, "fsync", real)
    outbox.add([notice("a#3")], AT, cursors={"a": 3})
    assert titles(Outbox(path)) == ["a#1", "a#2", "a#3"]


def test_a_file_that_cannot_be_opened_stops_nobody(path: Path) -> None:
    path.mkdir()
    outbox = Outbox(path)
    outbox.add([notice("a#1")], AT)
    assert titles(outbox) == ["a#1"]


def test_every_change_is_synced_before_anybody_counts_on_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(path)
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    outbox.add([notice("a#1")], AT)
    outbox.gone([1])
    assert [b"a#1" in each for each in synced] == [True, True]
    assert b'"gone": [1]' in synced[1]


def test_half_a_line_is_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[: len(data) // 2]))
    with pytest.raises(OSError, match="space"):
        write_change(path, Change(day=1))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 4)),
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("die"), st.integers(0, 0)),
        st.tuples(st.just("torn"), st.integers(1, 60)),
    ),
    max_size=25,
)


@given(STEPS)
def test_nothing_is_lost_and_nothing_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """A ledger of numbered events is told through an outbox whose process dies, also in the middle of a line.

    What a torn line would have held is read in the ledger again; a message is repeated only where its crossing out
    was torn.
    """
    path = tmp_path_factory.mktemp("outbox") / "outbox.jsonl"
    outbox, ledger, sent, doubtful = Outbox(path), 0, list[str](), set[str]()

    def look() -> None:
        after = outbox.cursor("a") or 0
        news = [notice(f"a#{seq}") for seq in range(max(1, after - 1), ledger + 1)]  # also what was read before
        outbox.add(news, AT, cursors={"a": ledger})

    def send(most: int) -> list[str]:
        batch = outbox.due(AT, lambda _: True)[:most]
        outbox.gone([number for number, _ in batch])
        return [each.title for _, each in batch]

    for what, count in steps:
        last: list[str] = []
        if what == "add":
            ledger += count
            look()
        elif what == "send":
            last = send(count)
            sent += last
        elif what == "torn":
            last = send(1)
            sent += last
            doubtful |= set(last)
            if last:
                whole = path.read_bytes()
                synced = whole.rstrip(b"\n").rfind(b"\n")  # lines before the last one are on the disk for good
                path.write_bytes(whole[: max(synced, len(whole) - count)])
            outbox = Outbox(path)
            look()
        else:
            outbox = Outbox(path)
            look()
    sent += send(10_000)
    assert {f"a#{seq}" for seq in range(1, ledger + 1)} == set(sent)
    again = [title for title in set(sent) if sent.count(title) > 1]
    assert set(again) <= doubtful
