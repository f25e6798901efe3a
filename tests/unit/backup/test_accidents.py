"""Backups that are killed, find no room, or may not write: what was there before stays, and a sentence says so."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap import backup
from investbot.domain.errors import InvestBotError
from investbot.ports.backups import FLEET
from tests.unit.backup.homes import AT, fleet, silent


def accident(*words: str, within: tuple[str, ...] = ()) -> Any:
    program = [*within, sys.executable, "-m", "tests.unit.backup.accidents", *words]
    paths = os.pathsep.join(sys.path)
    done = subprocess.run(
        program, capture_output=True, check=False, text=True, timeout=110, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def namespace() -> tuple[str, ...] | None:
    """Give the words that run a command where it may mount; None where nobody may."""
    for words in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        probe = [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return words
    return None


def test_kills_at_every_step_leave_whole_archives_only(tmp_path: Path) -> None:
    told = accident("kills", str(tmp_path))
    assert told["steps"] >= 30
    assert told["tried"] >= 35
    assert told["killed"] >= 25
    assert told["torn"] == []
    assert told["left"] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [("", "cannot be written: No space left on device; what was there before"), ("ro", "Read-only file system")],
)
def test_a_disk_that_is_full_or_read_only(tmp_path: Path, options: str, sentence: str) -> None:
    within = namespace()
    if within is None:  # then only `test_files_that_may_not_grow` shows it
        return
    told = accident("disk", str(tmp_path), options, within=within)
    assert sentence in told["told"]
    assert told["earlier"] == "an earlier archive"
    assert set(told["names"]) <= {"000001-20260101T000000Z.ibk", ".lock"}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 20_000, 150_000])
def test_files_that_may_not_grow(tmp_path: Path, size: int) -> None:
    with fleet(tmp_path, "alpha", batches=150) as (home, vault):
        kept = [backup.create_archive(home, vault, name, AT, progress=silent) for name in ("alpha", FLEET)]
        ledger = home.instance("alpha").ledger
        assert ledger.stat().st_size > 150_000
        before = [archive.path.read_bytes() for archive in kept]
        with largest_file(size), pytest.raises(InvestBotError) as refusal:
            backup.create_archive(home, vault, "alpha", AT + 1, progress=silent)
        assert str(refusal.value).count("\n") == 0
        assert backup.shelf_of(home, "alpha").archives() == kept[:1]
        assert [archive.path.read_bytes() for archive in kept] == before
        assert not list(home.backups.rglob("*.part"))
        assert backup.create_archive(home, vault, "alpha", AT + 2, progress=silent).number == 2
