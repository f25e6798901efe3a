"""Connections: who gets in, who does not, and in which words."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from investbot.adapters.storage import secrets, sqlcipher
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.domain.errors import AlreadyExists, InvestBotError, LedgerError, VaultError
from tests.unit.adapters.storage.samples import KEY, OTHER_KEY, Story, filled

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a closed ledger with a story in it."""
    path = tmp_path / "ledger.db"
    filled(path, 1, 120)
    return path


def damaged(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0xFF]))


def leaves_no_key(error: BaseException, key: bytes) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__) + repr(error.__cause__)
    assert key.hex() not in told.lower()
    assert repr(key)[2:-1] not in told


# ---- the door ----


def test_a_connection_is_durable_and_tight(path: Path) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        told = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "temp_store", "page_size", "application_id", "cipher_log_level")
        }
        assert told == {
            "journal_mode": "wal",
            "synchronous": 2,
            "temp_store": 2,
            "page_size": str(PAGE),
            "application_id": sqlcipher.APPLICATION_ID,
            "cipher_log_level": "NONE",
        }
        with pytest.raises(sqlcipher.DatabaseError, match="not authorized"):
            connection.execute("SELECT load_extension('anything')")


def test_a_writer_keeps_little_of_a_ledger_in_memory(path: Path) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        assert connection.execute("PRAGMA cache_size").fetchone()[0] == -sqlcipher.CACHE_KIB
    assert sqlcipher.CACHE_KIB <= 2048


def test_every_file_of_a_ledger_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(SqlcipherLedger.create(tmp_path / "l.db", KEY, instance="alpha")) as ledger:
            ledger.append(Story(1).batch()[0], Story(1).batch()[1])
            files = sorted(tmp_path.iterdir())
            assert [file.name for file in files] == ["l.db", "l.db-shm", "l.db-wal"]
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    finally:
        os.umask(before)


def test_a_ledger_that_others_could_read_is_closed_to_them(path: Path) -> None:
    path.chmod(0o644)
    sqlcipher.connect(path, KEY).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_key_is_in_no_traced_statement_and_the_callers_buffer_is_left_alone(path: Path) -> None:
    key = bytearray(KEY)
    with closing(sqlcipher.connect(path, key)) as connection:
        traced: list[str] = []
        connection.set_trace_callback(traced.append)
        connection.execute("SELECT 1")
        assert traced
        assert not any(KEY.hex() in each for each in traced)
    assert key == KEY


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_never_becomes_a_passphrase(path: Path, length: int) -> None:
    with pytest.raises(VaultError, match="32 bytes"):
        sqlcipher.connect(path, b"k" * length)


def test_what_is_there_already_is_not_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(AlreadyExists):
        SqlcipherLedger.create(path, KEY, instance="beta")
    with pytest.raises(AlreadyExists):
        sqlcipher.create(path, KEY)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be made: No such file"):
        SqlcipherLedger.create(tmp_path / "nowhere" / "ledger.db", KEY, instance="alpha")


def test_a_ledger_that_could_not_be_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerError("full")

    monkeypatch.setattr("investbot.adapters.storage.schema.walk", full)
    with pytest.raises(LedgerError, match="full"):
        SqlcipherLedger.create(tmp_path / "ledger.db", KEY, instance="alpha")
    assert list(tmp_path.iterdir()) == []


def test_a_file_made_with_a_bad_key_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(VaultError):
        sqlcipher.create(tmp_path / "ledger.db", b"short")
    assert list(tmp_path.iterdir()) == []


# ---- the wrong key and the wrong file ----


def openings(path: Path, key: bytes) -> list[InvestBotError]:
    """Try every way in and give what each was told."""
    told: list[InvestBotError] = []
    for way in (SqlcipherLedger.open, SqlcipherReader.open, inspect, secrets.get_secrets):
        with pytest.raises(InvestBotError) as caught:
            way(path, key)
        told.append(caught.value)
    return told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is an empty file"),
        (b"just some words\n" * 1000, "is not a ledger"),
        (b"short", "is not a ledger"),
        (bytes(8 * PAGE), "is not a ledger"),
    ],
)
def test_a_foreign_file_gets_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    for error in openings(path, KEY):
        assert type(error) is LedgerError
        assert words in str(error)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db"]


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path: Path) -> None:
    for error in openings(tmp_path / "ledger.db", KEY):
        assert str(error).startswith("There is no ledger at")
    for error in openings(tmp_path, KEY):
        assert "is not a file" in str(error)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_database_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE t (a)")
    for error in openings(path, KEY):
        assert "is a plain, unencrypted database" in str(error)


def test_an_encrypted_database_of_another_program_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlcipher.create(path, KEY)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("PRAGMA application_id = 1")
    connection.close()
    for error in openings(path, KEY):
        assert "is a database of another program" in str(error)


def test_a_wrong_key_gets_one_sentence_without_the_key(path: Path) -> None:
    for error in openings(path, OTHER_KEY):
        assert type(error) is LedgerError
        assert error.exit_code == 74
        assert "is damaged or another instance's: its key does not open it" in str(error)
        leaves_no_key(error, OTHER_KEY)
    leaves_no_key(openings(path, b"\xff" * 32)[0], b"\xff" * 32)


def test_a_ledger_cut_in_the_middle_of_a_page_is_damaged_even_to_a_wrong_key(path: Path) -> None:
    os.truncate(path, PAGE + 100)
    for key in (KEY, OTHER_KEY):
        for error in openings(path, key):
            assert type(error) is LedgerError
            assert "is damaged" in str(error)


def test_a_broken_first_page_is_told_from_a_wrong_key(path: Path) -> None:
    damaged(path, 2000)
    for error in openings(path, KEY):
        assert type(error) is LedgerError
        assert "is damaged" in str(error)
        leaves_no_key(error, KEY)
    for error in openings(path, OTHER_KEY):
        assert "another instance's" in str(error)


def test_a_broken_page_further_on_is_found_when_it_is_read(path: Path) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events_at'").fetchone()
    damaged(path, (page - 1) * PAGE + 1000)
    assert any("damaged" in problem for problem in inspect(path, KEY))
    with closing(sqlcipher.connect(path, KEY)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").fetchone()
    damaged(path, (page - 1) * PAGE + 1000)
    with pytest.raises(LedgerError) as caught, closing(SqlcipherLedger.open(path, KEY)) as ledger:
        list(ledger.events())
    assert str(path) in str(caught.value)
    assert any("damaged" in problem for problem in inspect(path, KEY))
    with pytest.raises(LedgerError, match="damaged"), closing(SqlcipherReader.open(path, KEY)) as reader:
        list(reader.events())


def test_nothing_is_said_on_the_terminal_by_the_library(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from investbot.adapters.storage import sqlcipher\n"
        "try: sqlcipher.connect(Path(sys.argv[1]), bytes(32))\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("LedgerError\n", "")


def test_a_ledger_held_by_another_writer_gets_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlcipher, "BUSY_SECONDS", 0.05)
    with closing(sqlcipher.connect(path, KEY)) as holder, closing(SqlcipherLedger.open(path, KEY)) as ledger:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="held by another process"):
            ledger.append(*Story(5).batch())


def test_a_write_takes_its_lock_at_once(path: Path) -> None:
    with closing(sqlcipher.connect(path, KEY)) as connection:
        traced: list[str] = []
        connection.set_trace_callback(traced.append)
        with sqlcipher.writing(connection, path):
            pass
        assert traced == ["BEGIN IMMEDIATE", "COMMIT"]


def test_a_full_disk_stops_the_append_whole_and_the_next_one_goes_on(path: Path) -> None:
    story = Story(5, plans=900, signals=900)

    def until_full(ledger: SqlcipherLedger) -> None:
        while True:
            acknowledged.append(ledger.append(*story.batch()))

    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        acknowledged = [ledger.append([], None)]
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="disk is full"):
            until_full(ledger)
        assert [each.seq for each in ledger.events()][-1] == acknowledged[-1]
        ledger._connection.execute("PRAGMA max_page_count = 1000000")
        assert ledger.append(*Story(6, plans=2000, signals=2000).batch()) >= acknowledged[-1]
    assert inspect(path, KEY) == []


# ---- other programs ----


def test_stock_sqlite_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as stock, pytest.raises(sqlite3.DatabaseError):
        stock.execute("SELECT * FROM sqlite_master").fetchall()


def foreign(path: Path, key: bytes) -> int:
    """Count events with an independent program that knows the file format."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.pragma("cipher", "sqlcipher")
        connection.pragma("legacy", 4)
        connection.pragma("key", f"x'{key.hex()}'")
        count = connection.execute("SELECT count(*) FROM events").fetchall()[0][0]
        assert isinstance(count, int)
        return count
    finally:
        connection.close()


def test_an_independent_program_opens_it_with_the_key_and_only_with_it(path: Path) -> None:
    with closing(SqlcipherReader.open(path, KEY)) as reader:
        assert foreign(path, KEY) == sum(1 for _ in reader.events()) > 100
    with pytest.raises(apsw.NotADBError):
        foreign(path, OTHER_KEY)


def test_a_dump_of_the_files_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    planted = ("canary-api-secret", "BTC/USDT", "fast over slow", "SignalRaised", "client_order_id", "alpha-instance")
    with closing(SqlcipherLedger.create(path, KEY, instance=planted[-1])) as ledger:
        for events, cursor in Story(1).batches(50):
            ledger.append(events, cursor)
        secrets.set_secrets(path, KEY, {"apiKey": planted[0]}, at=1)
        held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    held += path.read_bytes()
    assert len(held) > 50_000
    for word in (*planted, KEY.hex()):
        assert word.encode() not in held
    assert KEY not in held
