"""Backups in earnest: beside an instance that trades on an exchange, and in the hands of age, zstd, tar and sqlite3."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
import zstandard

from tests.conftest import REPOSITORY
from tests.integration.cli import Shell

pytestmark = pytest.mark.slow


@pytest.mark.timeout(400)
def test_a_backup_of_a_trading_instance_restores_to_what_the_exchange_says(tmp_path: Path) -> None:
    told = tmp_path / "backups.json"
    command = [
        sys.executable,
        "-m",
        "scripts.chaos_run.backups",
        "--rounds",
        "1",
        "--seed",
        "3",
        "--speed",
        "30",
        "--json",
        str(told),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["figure"]: row for row in json.loads(told.read_text())}
    assert rows["restored ledgers that equal the exchange"]["met"]
    assert rows["fills in the restored ledgers"]["value"] > 0


def opened(archive: Path, identity: Path, out: Path) -> int:
    """Open an archive with age's, zstd's and tar's own commands; with the library where age is not installed."""
    if shutil.which("age") and shutil.which("zstd"):
        words = f"age -d -i {identity} {archive} | zstd -d | tar x -C {out}"
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", words], capture_output=True, check=False, timeout=60
        ).returncode
    key = pyrage.x25519.Identity.from_str(identity.read_text().split()[-1])
    try:
        plain = pyrage.decrypt(archive.read_bytes(), [key])
    except pyrage.DecryptError:
        return 1
    tar = zstandard.ZstdDecompressor().decompressobj().decompress(plain)
    return subprocess.run(["tar", "x", "-C", str(out)], input=tar, check=False, timeout=60).returncode


def test_age_zstd_tar_and_sqlite_open_an_archive_without_investbot(tmp_path: Path) -> None:
    shell = Shell(tmp_path, here=True)
    shell.ok("init")
    shell.ok("create", "alpha", "--profile", "quick.toml")
    Shell(tmp_path).ok("run", "alpha")
    shell.ok("backup", "create", "--all")
    shell.ok("backup", "export-identity", "--to", "identity.txt")
    (archive,) = (shell.home / "backups/alpha").glob("*.ibk")
    out = tmp_path / "out"
    out.mkdir()
    assert opened(archive, tmp_path / "identity.txt", out) == 0
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert (out / "instance.toml").read_bytes() == (shell.home / "instances/alpha/instance.toml").read_bytes()
    with closing(sqlite3.connect(f"file:{out}/ledger.sqlite?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for table, count in manifest["rows"].items():
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (count,)
        assert connection.execute("SELECT cash FROM snapshot").fetchone() == (manifest["sums"]["cash"],)
        assert manifest["rows"]["fills"] > 0
    damaged = tmp_path / "damaged.ibk"
    raw = bytearray(archive.read_bytes())
    raw[-1] ^= 1
    damaged.write_bytes(raw)
    assert opened(damaged, tmp_path / "identity.txt", out) != 0
