"""What a start makes of a restore: files that were not yet in place, and the names of orders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from investbot.adapters.storage import history, inspection
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.bootstrap.instance import run_foreground
from investbot.bootstrap.restored import namespaces_of, restored_of
from investbot.config.instance import load_instance, set_values
from investbot.config.versions import save
from investbot.domain.events import Event
from investbot.domain.market import Cursor
from tests.integration.instance_homes import KEY, events, make_home, replaying, write_candles
from tests.unit.bootstrap.restorable import AT, Life, home_of


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Life]:
    with home_of(tmp_path / "home", "alpha") as (life,):
        yield life


def live(life: Life) -> None:
    folder = life.folder.path
    changed = set_values(load_instance(folder), ["venue.name=binance", "venue.mode=live"])
    save(folder, changed, AT, "ana", "live")


def test_a_start_finishes_a_restore_that_was_killed(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    folder = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 50))
    staging = folder.path / ".restoring"
    (staging / "new").mkdir(parents=True)
    SqlcipherLedger.create(staging / "new" / "ledger.db", KEY, instance="alpha").close()
    shutil.move(folder.ledger, tmp_path / "old.db")
    (staging / "plan.json").write_text(json.dumps({"names": ["ledger.db"], "label": "0-then"}))
    ending = run_foreground(home.path, "alpha", KEY)
    assert ending.exit_code == 0
    assert not staging.exists()
    assert events(folder)


def test_an_instance_goes_on_from_any_step_as_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home(tmp_path / "home")
    folder = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 600))
    steps: dict[int, Cursor | None] = {}
    append = SqlcipherLedger.append

    def noted(ledger: SqlcipherLedger, told: Sequence[Event], cursor: Cursor | None) -> int:
        last = append(ledger, told, cursor)
        steps[last] = ledger.cursor()
        return last

    monkeypatch.setattr(SqlcipherLedger, "append", noted)
    assert run_foreground(home.path, "alpha", KEY).exit_code == 0
    whole = [row for row in events(folder) if row["kind"] != "SettingsApplied"]
    known = [(seq, cursor) for seq, cursor in steps.items() if cursor is not None]
    assert len(known) > 2
    for seq, cursor in known[1:2]:
        history.cut(folder.ledger, KEY, seq, cursor)
        assert inspection.inspect(folder.ledger, KEY) == []
        assert run_foreground(home.path, "alpha", KEY).exit_code == 0
        assert [row for row in events(folder) if row["kind"] != "SettingsApplied"] == whole
    assert inspection.inspect(folder.ledger, KEY) == []


def test_a_ledger_that_was_never_taken_back_has_its_first_names(alpha: Life) -> None:
    (only,) = namespaces_of(alpha.home, alpha.folder, alpha.key)
    assert only.endswith("/alpha")
    assert restored_of(alpha.home, alpha.folder, alpha.key) is None


def test_a_paper_ledger_keeps_its_names(alpha: Life) -> None:
    alpha.back_up()
    alpha.restore()
    assert len(namespaces_of(alpha.home, alpha.folder, alpha.key)) == 1


def test_every_restore_of_real_orders_begins_new_names(alpha: Life) -> None:
    live(alpha)
    alpha.back_up()
    first = len(alpha.rows())
    alpha.live(4)
    alpha.restore(allow_older=True)
    names = namespaces_of(alpha.home, alpha.folder, alpha.key)
    assert names[1] == f"{names[0]}#{alpha.at}"
    back = restored_of(alpha.home, alpha.folder, alpha.key)
    assert back is not None
    assert (back.seq, back.namespaces) == (first, names[:1])
    alpha.live_otherwise(2)
    alpha.at += 60_000
    alpha.restore(allow_older=True)
    again = namespaces_of(alpha.home, alpha.folder, alpha.key)
    assert (again[:2], len(set(again))) == (names, 3)
    back = restored_of(alpha.home, alpha.folder, alpha.key)
    assert back is not None
    assert back.namespaces == again[:2]
    alpha.back_up()
    shutil.rmtree(alpha.folder.path)
    alpha.at += 60_000
    alpha.restore()
    assert namespaces_of(alpha.home, alpha.folder, alpha.key)[:3] == again
    alpha.restore(new_name="beta")
    beta = alpha.home.instance("beta")
    assert history.restores(beta.ledger, alpha.vault.data_key("beta"))
