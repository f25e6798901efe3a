"""Pages in plain and back: what SQLCipher writes, any SQLite reads, and the other way round."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import secrets, sqlcipher
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.pages import PAGE, PageSealer, plain_pages
from investbot.domain.errors import DataError, LedgerError, VaultError
from tests.unit.adapters.storage.samples import KEY, OTHER_KEY, filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    filled(path, 2, 60)
    secrets.set_secrets(path, KEY, {"apiKey": "k"}, at=1)
    return path


def plain(path: Path) -> bytes:
    return b"".join(plain_pages(path, KEY))


def sealed(data: bytes, path: Path, key: bytes = OTHER_KEY, step: int = 1000) -> Path:
    sealer = PageSealer(path, key)
    try:
        for start in range(0, len(data), step):
            sealer.write(data[start : start + step])
        sealer.close()
    finally:
        sealer.abandon()
    return path


def test_any_sqlite_reads_the_plain_file(path: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "plain.sqlite"
    stranger.write_bytes(plain(path))
    with closing(sqlite3.connect(f"file:{stranger}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA application_id").fetchone() == (sqlcipher.APPLICATION_ID,)
        assert connection.execute("SELECT name, value FROM secrets").fetchall() == [("apiKey", "k")]
        rows = connection.execute("SELECT * FROM events ORDER BY seq").fetchall()
    with closing(sqlcipher.connect(path, KEY, read_only=True)) as ledger:
        assert ledger.execute("SELECT * FROM events ORDER BY seq").fetchall() == rows


def test_every_walk_gives_the_same_bytes(path: Path) -> None:
    assert hashlib.sha256(plain(path)).digest() == hashlib.sha256(plain(path)).digest()
    assert len(plain(path)) == path.stat().st_size


@pytest.mark.parametrize("step", [1, 4095, 4096, 4097, 100_000])
def test_what_is_sealed_again_is_a_ledger_under_its_new_key(path: Path, tmp_path: Path, step: int) -> None:
    data = plain(path)
    again = sealed(data[: 40 * PAGE] if step == 1 else data, tmp_path / "again.db", step=step)
    assert again.stat().st_mode & 0o777 == 0o600
    if step > 1:
        assert inspect(again, OTHER_KEY) == []
        assert b"".join(plain_pages(again, OTHER_KEY)) == data
    with pytest.raises(LedgerError, match="another instance"):
        sqlcipher.connect(again, KEY)


def test_two_seals_of_one_ledger_share_no_page(path: Path, tmp_path: Path) -> None:
    data = plain(path)
    first, second = (sealed(data, tmp_path / name).read_bytes() for name in ("a", "b"))
    pages = range(0, len(first), PAGE)
    assert not {first[at : at + 64] for at in pages} & {second[at : at + 64] for at in pages}


def test_a_page_that_is_not_what_was_written_is_named(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[2 * PAGE + 7] ^= 1
    path.write_bytes(raw)
    with pytest.raises(LedgerError, match="damaged in page 3"):
        plain(path)


def test_a_page_of_zeros_is_damage(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[PAGE : 2 * PAGE] = bytes(PAGE)
    path.write_bytes(raw)
    with pytest.raises(LedgerError, match="damaged in page 2"):
        plain(path)


def test_a_cut_file_and_a_wrong_key_are_refused(path: Path) -> None:
    with pytest.raises(LedgerError, match="damaged in page 1"):
        list(plain_pages(path, OTHER_KEY))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LedgerError, match="cut short"):
        plain(path)
    with pytest.raises(VaultError, match="32 bytes"):
        list(plain_pages(path, KEY[:-1]))


@pytest.mark.parametrize("data", [b"", b"x", bytes(PAGE - 1)])
def test_what_is_cut_within_a_page_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match="cut short"):
        sealed(data, tmp_path / "cut.db")


@pytest.mark.parametrize("change", [(0, b"X"), (16, b"\x20"), (20, b"\0")])
def test_only_ledgers_are_sealed(path: Path, tmp_path: Path, change: tuple[int, bytes]) -> None:
    data = bytearray(plain(path))
    data[change[0] : change[0] + 1] = change[1]
    with pytest.raises(DataError, match="none of InvestBot"):
        sealed(bytes(data), tmp_path / "strange.db")


def test_the_page_of_the_locks_is_a_hole(tmp_path: Path) -> None:
    # At 1 GiB SQLite keeps a page free for its locks; a file that long is walked here from just before it.
    from investbot.adapters.storage.pages import _HOLE, _PageCipher

    cipher = _PageCipher(KEY, bytes(16))
    assert cipher.sealed(_HOLE, bytes(PAGE)) == cipher.opened(_HOLE, bytes(PAGE)) == bytes(PAGE)
    assert cipher.opened(_HOLE - 1, bytes(PAGE)) is None
    assert _HOLE == 262_145
