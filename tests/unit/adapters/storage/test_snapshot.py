"""Snapshots: one moment of a ledger, under a key of their own; and what is found in a restored one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import schema, snapshot, sqlcipher
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.migrate import migrate
from investbot.domain.errors import DataError, LedgerError
from tests.unit.adapters.storage.samples import KEY, OTHER_KEY, Story, filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path / "ledger.db", 2, 40)
    return tmp_path / "ledger.db"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


def write(path: Path, *statements: str) -> None:
    """Change a ledger behind its back."""
    with closing(sqlcipher.connect(path, KEY)) as connection:
        for statement in ("DROP TRIGGER events_never_change", "DROP TRIGGER events_never_go", *statements):
            connection.execute(statement)


def test_a_snapshot_counts_what_it_holds(path: Path, room: Path) -> None:
    taken = snapshot.take(path, KEY, room)
    with closing(sqlcipher.connect(path, KEY, read_only=True)) as ledger:
        assert taken.account == snapshot.account(ledger)
        events, at = ledger.execute("SELECT count(*), max(at) FROM events").fetchone()
        cash = ledger.execute("SELECT cash FROM snapshot").fetchone()[0]
    account = taken.account
    assert (account.instance, account.schema, account.last_seq) == ("alpha", schema.latest(), events)
    assert (account.last_event_at, account.rows["events"], account.sums["cash"]) == (at, events, cash)
    assert set(account.rows) >= {"events", "orders", "fills", "secrets", "meta"}
    assert taken.key != KEY
    assert repr(taken.key) not in repr(taken)
    assert [each.name for each in room.iterdir()] == ["snapshot.db"]
    with pytest.raises(LedgerError):
        sqlcipher.connect(taken.path, KEY)


def test_a_snapshot_sees_what_is_only_in_the_log_yet(path: Path, room: Path) -> None:
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        last = ledger.append([Story(9, plans=900, signals=900).signal("BTC/USDT")], None)
        assert snapshot.take(path, KEY, room).account.last_seq == last


def test_no_snapshot_without_a_whole_ledger(path: Path, room: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="another instance"):
        snapshot.take(path, OTHER_KEY, room)
    with pytest.raises(LedgerError, match="no ledger at"):
        snapshot.take(tmp_path / "nothing.db", KEY, room)
    with pytest.raises(LedgerError):
        snapshot.take(path, KEY, room / "missing")


def test_a_whole_ledger_passes(path: Path) -> None:
    found = snapshot.examine(path, KEY)
    assert found.instance == "alpha"


def test_an_older_schema_is_backed_up_too(path: Path, room: Path) -> None:
    migrate(path, KEY, 1)
    taken = snapshot.take(path, KEY, room)
    assert taken.account.schema == 1
    assert snapshot.examine(taken.path, taken.key) == taken.account


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE snapshot SET cash = '1000000'", "table snapshot differs from what the events make"),
        ("DELETE FROM events WHERE seq = 7", "some are missing"),
        ("DELETE FROM fills WHERE seq = (SELECT min(seq) FROM fills)", "The table fills has"),
        ("UPDATE events SET body = '{' WHERE seq = 3", "not JSON"),
        ("PRAGMA user_version = 99", "newer InvestBot"),
    ],
)
def test_what_was_tampered_with_is_found(path: Path, statement: str, words: str) -> None:
    write(path, statement)
    with pytest.raises(DataError, match=words) as refusal:
        snapshot.examine(path, KEY)
    assert str(refusal.value).startswith("its ledger ")
    assert not str(refusal.value).endswith(".")


def test_damaged_pages_are_found(path: Path) -> None:
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096, 5):
        raw = bytearray(whole)
        raw[page * 4096 + 99] ^= 1
        path.write_bytes(raw)
        with pytest.raises(DataError, match="its ledger"):
            snapshot.examine(path, KEY)
    path.write_bytes(whole[: 4096 * 5])
    with pytest.raises(DataError, match="its ledger"):
        snapshot.examine(path, KEY)


def test_damage_where_nothing_is_read_is_found_too(path: Path) -> None:
    write(path, "CREATE TABLE gone (x)", "INSERT INTO gone VALUES (zeroblob(60000))", "DROP TABLE gone")
    assert snapshot.examine(path, KEY).last_seq > 0
    raw = bytearray(path.read_bytes())
    raw[-2000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="its ledger is not whole"):
        snapshot.examine(path, KEY)
