"""Pauses after wrong passphrases: they grow, all processes share them, and nobody is kept out for a minute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage import vault_sealing, vault_tries
from investbot.adapters.storage.vault import Vault
from investbot.adapters.storage.vault_tries import LONGEST_S, Tries, left_s, pause_s, tries
from investbot.domain.errors import TryAgain, VaultError, WrongPassphrase
from tests.unit.adapters.storage.samples import FAST

PASSPHRASE = "correct horse battery staple"
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vault.json"
    Vault.create(path, PASSPHRASE, FAST)
    return path


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 1_700_000_000_000_000_000
        self.waits: list[float] = []
        monkeypatch.setattr(time, "time_ns", lambda: self.now_ns)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def guess(path: Path, clock: Clock, passphrase: str = "wrong") -> None:
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, passphrase, clock.wait)


def test_the_pause_doubles_after_three_and_never_is_above_half_a_minute() -> None:
    assert [pause_s(wrong) for wrong in range(12)] == [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert pause_s(10**8) == LONGEST_S == 30


def test_the_pause_is_over_with_time_and_a_clock_set_back_adds_nothing() -> None:
    tried = Tries(4, 1_000_000)
    assert left_s(tried, 1_000_000) == 2
    assert left_s(tried, 1_001_500) == 0.5
    assert left_s(tried, 1_002_000) == left_s(tried, 9_999_999) == 0
    assert left_s(tried, 0) == 2


def test_wrong_passphrases_wait_longer_each_and_a_right_one_ends_it(path: Path, clock: Clock) -> None:
    for _ in range(9):
        guess(path, clock)
    assert clock.waits == [1, 2, 4, 8, 16, 30]
    assert tries(path).wrong == 9
    Vault.unlock(path, PASSPHRASE, clock.wait)
    assert clock.waits[6:] == [30]
    assert tries(path) == Tries()
    guess(path, clock)
    assert len(clock.waits) == 7


def test_the_right_passphrase_waits_for_no_time_that_has_passed(path: Path, clock: Clock) -> None:
    for _ in range(8):
        guess(path, clock)
    clock.now_ns += 31 * 10**9
    before = len(clock.waits)
    Vault.unlock(path, PASSPHRASE, clock.wait)
    assert len(clock.waits) == before


def test_right_ones_alone_never_wait_however_many(path: Path, clock: Clock) -> None:
    for _ in range(12):
        Vault.unlock(path, PASSPHRASE, clock.wait)
    assert clock.waits == []


def test_who_is_overtaken_again_and_again_is_told_to_come_back_within_a_minute(path: Path, clock: Clock) -> None:
    for _ in range(9):
        guess(path, clock)
    waits: list[float] = []

    def overtaken(seconds: float) -> None:
        waits.append(seconds)
        clock.wait(seconds)
        guess(path, clock)

    with pytest.raises(TryAgain, match="try again in 30 seconds") as caught:
        Vault.unlock(path, PASSPHRASE, overtaken)
    assert caught.value.exit_code == 75
    assert sum(waits) <= vault_tries.PATIENCE_S


def test_many_at_once_get_no_guess_for_free(path: Path, clock: Clock) -> None:
    """Sixteen threads of guesses on a clock that stands still: three are free, all others have to wait."""
    waiting: list[float] = []

    class Stopped(Exception):
        pass

    def wait(seconds: float) -> None:
        waiting.append(seconds)
        raise Stopped

    outcomes: list[type[Exception]] = []

    def attack() -> None:
        try:
            Vault.unlock(path, "wrong", wait)
        except (WrongPassphrase, Stopped) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=attack) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes.count(WrongPassphrase) == 3
    assert waiting == [1.0] * 13


def test_only_one_passphrase_is_stretched_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, inside, most = vault_sealing.unwrap, [0], [0]

    def counted(*given: Any) -> bytearray:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.005)
        found = real(*given)
        inside[0] -= 1
        return found

    monkeypatch.setattr(vault_sealing, "unwrap", counted)
    threads = [threading.Thread(target=Vault.unlock, args=(path, PASSPHRASE)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (most, inside) == ([1], [0])


KILLED = """
import os, signal, sys
from pathlib import Path
from investbot.adapters.storage import vault_sealing
from investbot.adapters.storage.vault import Vault
vault_sealing.unwrap = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Vault.unlock(Path(sys.argv[1]), "a guess")
"""


def test_a_guess_that_is_killed_in_time_counts_and_is_seen_by_other_processes(path: Path) -> None:
    for number in (1, 2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=REPOSITORY, check=False)
        assert done.returncode == -signal.SIGKILL
        assert tries(path).wrong == number
    Vault.unlock(path, PASSPHRASE)
    assert tries(path).wrong == 0


def test_what_is_no_wrong_passphrase_does_not_count(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    guess(path, clock)

    def starved(*_: object) -> bytes:
        raise VaultError("no memory")

    monkeypatch.setattr("investbot.adapters.storage.vault_sealing.unwrap", starved)
    with pytest.raises(VaultError, match="no memory"):
        Vault.unlock(path, PASSPHRASE, clock.wait)
    assert tries(path).wrong == 1


@pytest.mark.parametrize(
    "content", ["", "nonsense", "[]", '{"wrong": "x"}', '{"wrong": null, "at": 1}', '{"wrong": 1e999, "at": 1}']
)
def test_a_count_that_cannot_be_read_is_none(path: Path, content: str, clock: Clock) -> None:
    path.with_name("vault.json.lock").write_text(content, encoding="utf-8")
    assert tries(path) == Tries()
    Vault.unlock(path, PASSPHRASE, clock.wait)
    assert clock.waits == []


def test_where_nothing_can_be_written_the_vault_opens_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def read_only(name: str | Path, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system")
        return real(name, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    Vault.unlock(path, PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, "wrong")
    assert tries(path) == Tries()


def test_a_full_disk_keeps_nobody_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    Vault.unlock(path, PASSPHRASE)
