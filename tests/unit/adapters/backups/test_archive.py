"""An archive gives back what was packed, says whose it is, and is believed only when a key of the vault made it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
import zstandard

from investbot.adapters.backups import sealing
from investbot.adapters.storage.inspection import inspect
from investbot.domain.errors import BackupError, ConfigError, DataError, VaultError
from investbot.ports.backups import Content, Keys
from tests.unit.adapters.backups.archives import (
    IDENTITY,
    KEYS,
    SETTINGS,
    STRANGER,
    archiver,
    content,
    files,
    manifest,
    pack,
    silent,
    with_ledger,
)
from tests.unit.adapters.storage.samples import OTHER_KEY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "000007-20260101T000000Z.ibk"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_what_was_packed_comes_back_with_the_ledger_encrypted(path: Path, folder: Path, tmp_path: Path) -> None:
    said = with_ledger(path, tmp_path)
    assert archiver().unpack(path, KEYS, folder, OTHER_KEY, silent) == said
    found = sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
    assert found == ["instance.toml", "ledger.db", "versions/0001.toml"]
    assert (folder / "instance.toml").read_bytes() == SETTINGS
    assert all(each.stat().st_mode & 0o077 == 0 for each in folder.rglob("*"))
    assert inspect(folder / "ledger.db", OTHER_KEY) == []


def test_the_manifest_is_read_alone(path: Path, tmp_path: Path) -> None:
    said = with_ledger(path, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: 70_000 if len(whole) > 140_000 else len(whole)])
    assert archiver().head(path, KEYS) == said


def test_progress_counts_the_bytes_of_the_files(path: Path, folder: Path, tmp_path: Path) -> None:
    said = with_ledger(path, tmp_path)
    told: list[tuple[str, int, int]] = []
    archiver().unpack(path, KEYS, folder, OTHER_KEY, lambda *each: told.append(each))
    total = sum(member.size for member in said.members)
    assert told[-1] == ("unpacking", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_further_recipients_read_it_too(path: Path) -> None:
    other = sealing.new_identity()
    pack(path, *files(), keys=replace(KEYS, recipients=(sealing.recipient_of(other), sealing.recipient_of(IDENTITY))))
    assert archiver().head(path, replace(KEYS, identities=(other,))).instance == "alpha"
    assert archiver().head(path, KEYS).instance == "alpha"


def test_keys_of_before_a_rotation_still_open_it(path: Path) -> None:
    pack(path, *files())
    rotated = Keys((STRANGER.identities[0], IDENTITY), (b"n" * 32, *KEYS.seals))
    assert archiver().head(path, rotated).number == 7


def test_keys_are_never_shown() -> None:
    assert IDENTITY not in repr(KEYS)
    assert "sss" not in repr(KEYS)


def test_an_archive_of_nothing_but_a_manifest(path: Path, folder: Path) -> None:
    said = pack(path)
    assert archiver().unpack(path, KEYS, folder, OTHER_KEY, silent) == said
    assert list(folder.iterdir()) == []


def test_empty_files_come_back(path: Path, folder: Path) -> None:
    pack(path, content("empty.toml", b""), content("full.toml", b"x" * 512))
    archiver().unpack(path, KEYS, folder, OTHER_KEY, silent)
    assert [(folder / name).stat().st_size for name in ("empty.toml", "full.toml")] == [0, 512]


def test_a_file_that_changes_while_it_is_packed_is_refused(path: Path) -> None:
    reads = iter((b"before", b"behind"))
    fickle = Content("instance.toml", lambda: iter((next(reads),)))
    with pytest.raises(BackupError, match=r"instance\.toml of alpha changed"):
        pack(path, fickle)


def test_a_full_disk_is_told_as_one() -> None:
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as full:
        archiver().pack(manifest(), (), KEYS, full, silent)


def test_recipients_and_identities_that_are_none(path: Path) -> None:
    with pytest.raises(ConfigError, match="age1nonsense is no age recipient"):
        pack(path, *files(), keys=replace(KEYS, recipients=("age1nonsense",)))
    with pytest.raises(VaultError, match="identity for backups"):
        sealing.recipient_of("AGE-SECRET-KEY-1NONSENSE")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (STRANGER, "sealed for another vault"),
        (replace(KEYS, seals=(b"x" * 32,)), "does not come from this vault, or is another instance's"),
        (replace(KEYS, seals=()), "does not come from this vault"),
    ],
)
def test_strange_keys_open_nothing(path: Path, folder: Path, keys: Keys, words: str) -> None:
    pack(path, *files())
    with pytest.raises(DataError, match=words) as refused:
        archiver().unpack(path, keys, folder, OTHER_KEY, silent)
    assert str(refused.value).startswith(f"The archive {path} cannot be trusted: ")
    assert list(folder.iterdir()) == []


def test_an_archive_that_is_not_there(path: Path) -> None:
    with pytest.raises(DataError, match="There is no archive"):
        archiver().head(path, KEYS)


def test_strangers_open_it_without_investbot(path: Path, tmp_path: Path) -> None:
    with_ledger(path, tmp_path)
    plain = pyrage.decrypt(path.read_bytes(), [pyrage.x25519.Identity.from_str(IDENTITY)])
    tar = zstandard.ZstdDecompressor().decompressobj().decompress(plain)
    names = ["manifest.json", "ledger.sqlite", "instance.toml", "versions/0001.toml"]
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert opened.getnames() == names
    listed = subprocess.run(["tar", "tvf", "-"], input=tar, capture_output=True, check=True)
    assert listed.stderr == b""
    assert b"-rw-------" in listed.stdout
    assert b"2026-01-01" in listed.stdout


def test_a_manifest_says_whose_it_is(path: Path) -> None:
    said = pack(path, *files())
    assert said == manifest(*files())
    assert archiver().head(path, KEYS) == said
