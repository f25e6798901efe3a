"""Schemas: every released one still opens, migrates and replays; the way down; and what a newer one is told."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage import migrate, schema, secrets, sqlcipher
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.domain.codec import encode, kind
from investbot.domain.errors import InvariantError, LedgerError
from tests.unit.adapters.storage.samples import KEY, Story, filled

DATA = Path(__file__).parents[3] / "data"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    filled(path, 2, 60)
    return path


def contents(path: Path) -> dict[str, Any]:
    with closing(SqlcipherReader.open(path, KEY)) as reader:
        return {"events": list(reader.events()), "trips": reader.rows("trips"), "snapshot": reader.snapshot()}


def test_the_steps_are_numbered_without_holes_and_each_has_a_way_back() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    assert list(schema.steps()) == list(range(1, schema.latest() + 1))
    for name in schema.steps().values():
        assert (folder / f"{name}.down.sql").is_file()


def tells(now: Any, then: Any) -> bool:
    """Tell whether all that was written then is read now; what came later has its default."""
    if isinstance(then, dict):
        return all(name in now and tells(now[name], value) for name, value in then.items())
    return bool(now == then)


@pytest.mark.parametrize("released", range(1, schema.latest() + 1))
def test_a_stored_ledger_of_every_released_schema_opens_migrates_and_replays(tmp_path: Path, released: int) -> None:
    path = tmp_path / "ledger.db"
    shutil.copy(DATA / f"ledger_v{released}.db", path)
    expected = json.loads((DATA / "ledger_events.json").read_text("utf-8"))
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        stored = [{"seq": each.seq, "kind": kind(each.event), **encode(each.event)} for each in ledger.events()]
        assert all(tells(now, then) for now, then in zip(stored, expected, strict=True))
        last = ledger.append(*Story(77, plans=500, signals=500).batch())
        assert last >= len(expected)
    assert inspect(path, KEY) == []
    copy = tmp_path / f"ledger.db.v{released}.copy"
    assert copy.exists() == (released < schema.latest())


def test_every_table_goes_on_the_way_down_and_comes_back_on_the_way_up() -> None:
    with closing(sqlcipher.scratch()) as connection:
        schema.walk(connection, 0, schema.latest())
        before = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        for step in range(schema.latest(), 0, -1):
            schema.walk(connection, step, step - 1)
            assert schema.version(connection) == step - 1
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []
        schema.walk(connection, 0, schema.latest())
        assert connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall() == before


def test_down_and_up_again_keeps_every_event_and_leaves_verified_copies(path: Path) -> None:
    before = contents(path)
    secrets.set_secrets(path, KEY, {"apiKey": "k"}, at=1)
    assert migrate.migrate(path, KEY, 1) == 2
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert schema.version(connection) == 1
    assert secrets.get_secrets(path.with_name("ledger.db.v2.copy"), KEY) == {"apiKey": "k"}
    assert migrate.migrate(path, KEY) == 1
    assert contents(path) == before
    assert secrets.get_secrets(path, KEY) == {}
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "ledger.db",
        "ledger.db.v1.copy",
        "ledger.db.v2.copy",
    ]


def test_a_ledger_that_is_up_to_date_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    assert migrate.migrate(path, KEY) == schema.latest()
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["ledger.db"]


def test_a_step_that_fails_leaves_the_ledger_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.migrate(path, KEY, 1)
    before = path.read_bytes()
    walk = schema.walk

    def broken(connection: Any, start: int, target: int) -> None:
        walk(connection, start, target)
        connection.execute("CREATE TABLE events (a)")

    monkeypatch.setattr(schema, "walk", broken)
    with pytest.raises(LedgerError, match="cannot be used"):
        SqlcipherLedger.open(path, KEY)
    monkeypatch.undo()
    assert path.read_bytes() == before
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        assert sum(1 for _ in ledger.events()) > 50


def test_projections_of_an_older_schema_are_made_again(path: Path) -> None:
    before = contents(path)
    migrate.migrate(path, KEY, 1)
    with closing(sqlcipher.connect(path, KEY)) as connection:
        connection.execute("DELETE FROM trips")
    SqlcipherLedger.open(path, KEY).close()
    assert contents(path) == before


@pytest.mark.parametrize("way", [SqlcipherLedger.open, SqlcipherReader.open, inspect, migrate.migrate])
def test_a_newer_schema_is_told_so(path: Path, way: Any) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="has schema 99, written by a newer InvestBot; this one knows up to"):
        way(path, KEY)


@pytest.mark.parametrize("way", [SqlcipherLedger.open, SqlcipherReader.open, inspect, migrate.migrate])
def test_a_ledger_that_was_never_finished_is_told_so(tmp_path: Path, way: Any) -> None:
    sqlcipher.create(tmp_path / "ledger.db", KEY).close()
    with pytest.raises(LedgerError, match="was never finished"):
        way(tmp_path / "ledger.db", KEY)


@pytest.mark.parametrize("target", [0, 99])
def test_a_schema_nobody_knows_is_refused(path: Path, target: int) -> None:
    with pytest.raises(InvariantError, match="no schema"):
        migrate.migrate(path, KEY, target)


def test_an_older_schema_is_a_finding_of_the_inspection(path: Path) -> None:
    migrate.migrate(path, KEY, 1)
    assert inspect(path, KEY) == ["The ledger has the older schema 1; start its instance once to bring it up to date."]


def test_a_script_is_cut_at_whole_statements() -> None:
    script = "CREATE TABLE a (b);\n-- words; more\nCREATE TRIGGER t BEFORE INSERT ON a\nBEGIN\n  SELECT 1;\nEND;\n"
    assert [each.splitlines()[-1] for each in schema.statements(script)] == ["CREATE TABLE a (b);", "END;"]
    with pytest.raises(InvariantError, match="middle of a statement"):
        list(schema.statements("CREATE TABLE a (b)"))
