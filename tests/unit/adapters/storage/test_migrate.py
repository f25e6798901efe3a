"""Schemas: every released one still opens, migrates and replays; the way down; and what a newer one is told."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage import later_events, migrate, schema, secrets, sqlcipher
from investbot.adapters.storage.copies import copy_verified
from investbot.adapters.storage.encoding import write
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.projections import stored_events
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.domain import events as ev
from investbot.domain.codec import EVENT_TYPES, encode, kind
from investbot.domain.errors import InvariantError, LedgerError
from investbot.ports.ledger import Recorded
from tests.unit.adapters.storage.samples import KEY, START, Story, filled

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
    newest = schema.latest()
    assert migrate.migrate(path, KEY, 1) == newest
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert schema.version(connection) == 1
    assert secrets.get_secrets(path.with_name(f"ledger.db.v{newest}.copy"), KEY) == {"apiKey": "k"}
    assert migrate.migrate(path, KEY) == 1
    assert contents(path) == before
    assert secrets.get_secrets(path, KEY) == {}
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "ledger.db",
        "ledger.db.v1.copy",
        f"ledger.db.v{newest}.copy",
    ]


def told_of_settings(path: Path) -> None:
    """Let a ledger tell of changed settings, of which an older program knows nothing."""
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        at = START + 10**9
        told = ev.SettingsApplied(at, 2, "ana", ("risk.max_open_positions: 1 -> 2",), ("market.timeframe: 1m -> 5m",))
        ledger.append(
            [told, ev.EntriesPaused(at, "operator", "asked for"), ev.SettingsApplied(at, 3, "", (), ())], None
        )


@pytest.mark.parametrize("below", range(1, schema.latest()))
def test_each_step_back_and_up_again_loses_no_event(path: Path, below: int) -> None:
    told_of_settings(path)
    before = contents(path)
    migrate.migrate(path, KEY, below)
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert schema.version(connection) == below
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT kind FROM events")}
        assert kinds.isdisjoint(kind for step, late in later_events.SINCE.items() if step > below for kind in late)
        assert [each.seq for each in stored_events(connection)] == [each.seq for each in before["events"]]
        with pytest.raises(sqlcipher.DatabaseError, match="append-only"):
            connection.execute("UPDATE events SET kind = 'x'")
    migrate.migrate(path, KEY)
    assert contents(path) == before
    assert inspect(path, KEY) == []
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert not connection.execute("SELECT name FROM sqlite_schema WHERE name = 'later_events'").fetchall()


def test_every_kind_of_event_came_with_a_schema() -> None:
    """Whoever adds a kind says here since when there is one: on the way below it is put aside."""
    first = """
        CancelRequested CandleFlagged CapitalAllocated CloseRequested DayRolled DustLeft EntriesPaused EntriesResumed
        IntentDenied OrderChanged OrderFilled OrderPlaced PeakRaised PeakReset PlanMade PositionClosed PositionOpened
        RequestRefused SeriesAnchored SignalRaised SourceFinished TargetReached TradingStateChanged
        """
    late = [kind for kinds in later_events.SINCE.values() for kind in kinds]
    assert sorted([*first.split(), *late]) == sorted(EVENT_TYPES)
    assert set(later_events.SINCE) <= set(schema.steps())


def test_what_an_older_program_added_meanwhile_is_kept(path: Path) -> None:
    told_of_settings(path)
    before = contents(path)["events"]
    migrate.migrate(path, KEY, 2)
    last = ev.EntriesResumed(before[-1].event.at + 1, "operator")
    with closing(sqlcipher.connect(path, KEY)) as connection, sqlcipher.writing(connection, path):
        connection.execute("INSERT INTO events (seq, at, kind, body) VALUES (?, ?, ?, ?)", write(len(before) + 1, last))
    migrate.migrate(path, KEY)
    assert contents(path)["events"] == [*before, Recorded(len(before) + 1, last)]
    assert inspect(path, KEY) == []


def test_a_ledger_tells_which_program_it_needs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.migrate(path, KEY, 1)
    with monkeypatch.context() as newer:
        newer.setattr(schema, "__version__", "9.8.7")
        migrate.migrate(path, KEY)
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert schema.written_by(connection) == "9.8.7"
    older = {number: name for number, name in schema.steps().items() if number == 1}
    monkeypatch.setattr(schema, "steps", lambda: older)
    said = "written by InvestBot 9.8.7; this one .* knows up to 1: install InvestBot 9.8.7 again"
    with pytest.raises(LedgerError, match=said):
        SqlcipherLedger.open(path, KEY)


def test_a_ledger_of_a_program_that_did_not_sign_still_says_what_to_do(path: Path) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        connection.execute("DROP TABLE meta")
        connection.execute("PRAGMA user_version = 99")
        assert schema.written_by(connection) == ""
    with pytest.raises(LedgerError, match="install the newer version again"):
        SqlcipherLedger.open(path, KEY)


def fill(folder: Path, leave: int) -> Path:
    """Leave so many bytes free on a disk."""
    stuff = folder / "stuff"
    usage = shutil.disk_usage(folder)
    with stuff.open("wb") as file:
        for _ in range(max(0, usage.free - leave) // 65536):
            file.write(bytes(65536))
    return stuff


@pytest.mark.parametrize("when", ["copying", "stepping"])
def test_a_full_disk_leaves_the_old_ledger(
    path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    migrate.migrate(path, KEY, 1)
    ledger = small_disk / "ledger.db"
    shutil.copy(path, ledger)
    before = ledger.read_bytes()

    def then_full(*given: Any, **more: Any) -> Any:
        report = copy_verified(*given, **more)
        fill(small_disk, 0)
        return report

    if when == "copying":
        fill(small_disk, 64 * 1024)
    else:
        monkeypatch.setattr(migrate, "copy_verified", then_full)
    with pytest.raises(LedgerError, match=r"disk is full|cannot be written"):
        SqlcipherLedger.open(ledger, KEY)
    monkeypatch.undo()
    assert ledger.read_bytes() == before
    (small_disk / "stuff").unlink()
    with closing(SqlcipherLedger.open(ledger, KEY)) as opened:
        assert sum(1 for _ in opened.events()) > 50
    assert inspect(ledger, KEY) == []


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
    with pytest.raises(
        LedgerError,
        match="has schema 99, written by a newer InvestBot; this one",
    ):
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
