"""The small parts of the room: lock, inbox, heartbeat, journal."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain.errors import TryAgain
from investbot.domain.market import Cursor
from investbot.instance.heartbeat import Identity, Phase, Pulse, idle_row, status_row
from investbot.instance.inbox import Inbox
from investbot.instance.journal import Journal
from investbot.instance.lock import InstanceLock
from tests.fakes.ledger import MemoryLedger
from tests.unit.instance.hosts import BEGIN, BTC, candle

WHO = Identity("alpha", "paper", "replay", (BTC,), "1m", "ma_cross", "test")


# ---- lock ----------------------------------------------------------------------------------------------------------


def test_the_lock_is_held_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with InstanceLock(path, "alpha"):
        with pytest.raises(TryAgain, match=f"alpha is already running \\(pid {os.getpid()}\\)"):
            InstanceLock(path, "alpha").take()
        assert path.stat().st_mode & 0o777 == 0o600
    lock = InstanceLock(path, "alpha")
    lock.take()
    lock.release()
    lock.release()
    with InstanceLock(path, "alpha"):
        pass


def test_a_lock_without_a_word_in_it_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with InstanceLock(path, "alpha"):
        path.write_bytes(b"")
        with pytest.raises(TryAgain, match="pid unknown"):
            InstanceLock(path, "alpha").take()


def test_a_process_that_dies_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=_hold, args=(path,))
    holder.start()
    holder.join(30)
    assert holder.exitcode == 9
    with InstanceLock(path, "alpha"):
        assert str(os.getpid()) in path.read_text()


def _hold(path: Path) -> None:
    InstanceLock(path, "alpha").take()
    os._exit(9)


# ---- inbox ---------------------------------------------------------------------------------------------------------


async def test_market_facts_wait_for_room_and_nothing_else_does() -> None:
    inbox: Inbox[int] = Inbox(2)
    await inbox.put(1)
    await inbox.put(2)
    third = asyncio.create_task(inbox.put(3))
    await asyncio.sleep(0)
    assert not third.done()
    inbox.put_now(9)
    assert (inbox.waiting, inbox.market_waiting) == (3, 3)
    assert [await inbox.get() for _ in range(3)] == [1, 2, 9]
    await third
    assert (inbox.waiting, inbox.market_waiting) == (1, 1)
    assert inbox.drain() == [3]
    assert inbox.drain() == []


async def test_a_fact_that_gives_up_waiting_is_not_counted() -> None:
    inbox: Inbox[int] = Inbox(1)
    await inbox.put(1)
    second = asyncio.create_task(inbox.put(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert (inbox.waiting, inbox.market_waiting) == (1, 1)


# ---- heartbeat -----------------------------------------------------------------------------------------------------


def test_a_row_of_an_instance_that_does_not_run_has_every_key() -> None:
    running = status_row(
        WHO, Phase.READY, {"equity": "5", "last_candle_at": BEGIN}, Pulse(1.26, 0.04, 3, 9), {"a": "b"}
    )
    idle = idle_row(WHO)
    assert set(idle) < set(running)
    assert (idle["state"], idle["pid"], idle["equity"], idle["symbols"]) == ("STOPPED", None, None, [BTC])
    assert (running["state"], running["pid"], running["equity"]) == ("RUNNING", os.getpid(), "5")
    assert running["last_candle_at"] == "2024-01-01T00:00:00Z"
    assert (running["uptime_s"], running["waiting"], running["candles"]) == (1.3, 3, 9)
    assert running["cpu_s"] > 0


@pytest.mark.parametrize(
    ("phase", "state"),
    [("starting", "STARTING"), ("warming", "STARTING"), ("ready", "RUNNING"), ("stopping", "STOPPING")],
)
def test_each_phase_has_its_state(phase: str, state: str) -> None:
    assert status_row(WHO, Phase(phase), None, Pulse(0, 0, 0, 0), {})["state"] == state


# ---- journal -------------------------------------------------------------------------------------------------------


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def test_events_are_numbered_as_the_ledger_does(ledger: MemoryLedger, told: list[dict[str, Any]]) -> None:
    ledger.append([e.SourceFinished(BEGIN)], Cursor(BTC, 7))
    journal = Journal(ledger, told.append, 2)
    assert journal.commit() == []
    paused = e.EntriesPaused(BEGIN, "operator", "why")
    journal.add([paused])
    half = journal.is_full
    journal.add([e.EntriesResumed(BEGIN, "operator")])
    assert (half, journal.is_full) == (False, True)
    assert journal.commit()[0] == (2, paused)
    assert [row["seq"] for row in told] == [2, 3]
    assert ledger.cursor() == Cursor(BTC, 7)


def test_the_cursor_goes_with_the_events(ledger: MemoryLedger, told: list[dict[str, Any]]) -> None:
    journal = Journal(ledger, told.append, 2)
    journal.checkpoint()
    assert ledger.cursor() is None
    journal.reach(candle(3, 1.0))
    journal.add([e.SourceFinished(BEGIN)])
    journal.checkpoint()
    assert ledger.cursor() is None, "the cursor must not run ahead of events that wait"
    journal.commit()
    assert ledger.cursor() == Cursor(BTC, candle(3, 1.0).opened_at)
    journal.reach(candle(4, 1.0))
    journal.checkpoint()
    journal.checkpoint()
    assert ledger.cursor() == Cursor(BTC, candle(4, 1.0).opened_at)


def test_each_event_is_a_line_of_the_log(
    ledger: MemoryLedger, told: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(ledger, told.append, 2)
    journal.add([e.EntriesPaused(BEGIN, "operator", "why"), e.SourceFinished(BEGIN)])
    with caplog.at_level(logging.INFO, "investbot"):
        journal.commit()
    first, second = caplog.records
    assert (first.message, first.levelname, second.message, second.levelname) == (
        "entries_paused",
        "WARNING",
        "source_finished",
        "INFO",
    )
    assert vars(first)["fields"] == {"seq": 1, "fact_at": "2024-01-01T00:00:00Z", "reason": "why"}


def test_a_level_that_is_off_costs_nothing(
    ledger: MemoryLedger, told: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(ledger, told.append, 2)
    journal.add([e.SourceFinished(BEGIN)])
    with caplog.at_level(logging.ERROR, "investbot"):
        journal.commit()
    assert caplog.records == []
    assert len(told) == 1
