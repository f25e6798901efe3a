"""A live instance whose ledger was taken back meets what came after it at an exchange that is real to ccxt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.adapters.storage import history
from investbot.domain import events as e
from scripts.chaos_run.fleet import KEY
from tests.integration.live_exchange import ONCE, Stage, staged, wait_for

MORE = "risk.max_entries_per_day=5"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "fleet") as stage:
        stage.add("alpha", "main", *ONCE, MORE)
        yield stage


def take_back(stage: Stage, kind: type[e.SignalRaised | e.PositionOpened]) -> int:
    """Let the ledger end where it did before that event, as a restore does; give its last event's number."""
    events = stage.fleet.events("alpha")
    seq = next(index for index, event in enumerate(events) if isinstance(event, kind))
    ledger = stage.fleet.folder("alpha").ledger
    history.cut(ledger, KEY, seq, None)
    history.mark_restored(ledger, KEY, [(seq, 1_767_225_600_000)])
    return seq


def pauses(stage: Stage, cause: str) -> list[str]:
    return [event.reason for event in stage.events("alpha", e.EntriesPaused) if event.cause == cause]


def test_a_position_of_after_the_restored_moment_is_named_kept_and_not_added_to(stage: Stage) -> None:
    child = stage.start()
    wait_for(stage.is_protected, what="protection")
    code, said = child.stop()
    assert code == 0, said
    seq = take_back(stage, e.SignalRaised)
    before = len(stage.orders())
    stage.start()
    (told,) = wait_for(lambda: pauses(stage, "operator"), what="what was lost")
    assert told.startswith(f"paused by the restore to event {seq}, whose ledger lacks order 1-entry-1 (")
    assert "order 1-stop-2 (0.0" in told
    assert told.endswith("Settle that at the venue, then resume")
    assert pauses(stage, "restored")
    wait_for(lambda: len(stage.events("alpha", e.IntentDenied)) > 2, what="entries that are refused")
    assert len(stage.orders()) == before
    assert stage.is_protected()
    assert stage.said("orders_lost")
