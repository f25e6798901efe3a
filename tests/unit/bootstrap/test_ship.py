"""The process that ships: whose keys it asks for, what it does with failures, when it ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from investbot.adapters.backups import sealing
from investbot.adapters.clock import SystemClock
from investbot.adapters.log.json_lines import Redactor
from investbot.adapters.storage.backup_keys import IDENTITY
from investbot.backup.chain import parse
from investbot.backup.restore import Point
from investbot.bootstrap.ship import KeyDesk, Ship, main
from investbot.bootstrap.shipping_companion import shipping_companion
from investbot.domain.errors import VaultError
from investbot.instance.lock import InstanceLock
from investbot.supervisor.companions import Companion
from tests.unit.bootstrap.restorable import Life, home_of


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Life]:
    with home_of(tmp_path / "home", "alpha") as (life,):
        yield life


def configure(life: Life, lines: str) -> None:
    text = life.home.settings.read_text().partition("\n[backups]")[0]
    life.home.settings.write_text(f"{text}\n[backups]\n{lines}\n")


def companion(life: Life) -> Companion:
    return shipping_companion(life.home, life.vault, life.vault.data_key)


@contextmanager
def desk(life: Life) -> Iterator[KeyDesk]:
    """Give a desk that the supervisor's side answers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answer = companion(life).answer
    assert answer is not None

    def serve() -> None:
        while question := ours.recv(4096):
            ours.send(answer(question) or b"\0")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs:
            yield KeyDesk(theirs, Redactor([]))
    finally:
        thread.join()
        ours.close()


def events(life: Life) -> int:
    names = [name for name in map(parse, life.segments().names()) if name is not None]
    return max((name.last for name in names), default=0)


def test_it_is_wanted_where_shipping_is_set(alpha: Life) -> None:
    wanted = companion(alpha).wanted
    assert wanted is not None
    assert not wanted()
    configure(alpha, 'ship = "30s"')
    assert wanted()
    alpha.home.settings.write_text("rubbish = [")
    assert not wanted()


def test_the_supervisor_answers_for_instances_and_for_nothing_else(alpha: Life) -> None:
    with desk(alpha) as asked:
        key, keys = asked.of("alpha")
        assert key == alpha.key
        assert keys.identities == (alpha.vault.secret_get(IDENTITY),)
        assert sealing.recipient_of(keys.identities[0]).startswith("age1")
        assert asked.of("alpha") == (key, keys)
        for name in ("nobody", "../alpha"):
            with pytest.raises(VaultError, match="Nobody answers for the keys of"):
                asked.of(name)
        asked.forget("alpha")
        assert asked.names() == []
        assert asked.of("alpha")[1] == keys
    answer = companion(alpha).answer
    assert answer is not None
    for rubbish in (b"", b"[]", b"{}", b"\xff", json.dumps({"name": 7}).encode()):
        assert answer(rubbish) == b""


def test_rounds_ship_what_has_changed(alpha: Life, tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    configure(alpha, f'to = ["{usb}"]\nship = "30s"')
    reading, writing = os.pipe()
    with desk(alpha) as asked:
        ship = Ship(alpha.home, asked, SystemClock(), writing)
        assert ship.round() == 30.0
        assert events(alpha) == len(alpha.rows())
        count = len(alpha.segments().names())
        assert ship.round() == 30.0
        alpha.live(3)
        ship.round()
        assert events(alpha) == len(alpha.rows())
        assert len(alpha.segments().names()) == count + 1
        assert sorted(path.name for path in (usb / "alpha" / "segments").iterdir()) == alpha.segments().names()
        configure(alpha, 'ship = "0s"')
        assert ship.round() == 0
    assert os.read(reading, 10)
    os.close(reading)
    os.close(writing)


def test_every_moment_that_was_looked_at_can_be_restored(alpha: Life) -> None:
    configure(alpha, 'ship = "30s"')
    _, writing = os.pipe()
    with desk(alpha) as asked:
        ship = Ship(alpha.home, asked, SystemClock(), writing)
        ship.round()
        alpha.back_up()
        for _ in range(6):
            alpha.live(1)
            ship.look()
            ship.look()
        ship.round()
    rows, moments = alpha.rows(), dict(alpha.moments)
    for seq in sorted(moments)[-4:-1]:
        told = alpha.restore(point=Point(seq=seq), allow_older=True)
        assert (told.last_seq, alpha.rows(), alpha.cursor()) == (seq, rows[:seq], moments[seq])


def test_looks_are_few_at_a_time_and_reach_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.bootstrap.ship._LOOKS", 2)
    names = ("a", "b", "c", "d", "e")
    with home_of(tmp_path, *names, batches=2) as lives, desk(lives[0]) as asked:
        for name in names:
            asked.of(name)
        ship = Ship(lives[0].home, asked, SystemClock(), -1)
        for seen in (2, 4, 5, 5):
            ship.look()
            assert len(ship._steps) == seen


def test_what_goes_wrong_is_said_once_and_tried_again(
    alpha: Life, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "usb"
    blocked.write_text("a file")
    configure(alpha, f'to = ["{blocked}"]\nship = "30s"')
    _, writing = os.pipe()
    caplog.set_level("INFO")
    with desk(alpha) as asked:
        ship = Ship(alpha.home, asked, SystemClock(), writing)
        ship.round()
        ship.round()
        assert [record.message for record in caplog.records] == ["not_shipped"]
        blocked.unlink()
        ship.round()
        assert [record.message for record in caplog.records] == ["not_shipped", "shipped_again"]
        alpha.home.settings.write_text("rubbish = [")
        assert ship.round() == 60.0
    assert len(list((blocked / "alpha" / "segments").iterdir())) == 1


def test_a_key_that_was_changed_is_asked_for_again(alpha: Life) -> None:
    from investbot.bootstrap.vault_opening import rotate_data_key

    configure(alpha, 'ship = "30s"')
    _, writing = os.pipe()
    with desk(alpha) as asked:
        ship = Ship(alpha.home, asked, SystemClock(), writing)
        ship.round()
        rotate_data_key(alpha.home, alpha.vault, "alpha")
        alpha.live(2)
        ship.round()
        ship.round()
        assert events(alpha) == len(alpha.rows())


@pytest.fixture
def signals() -> Iterator[None]:
    """Put the handlers back that a process would have taken for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_one_that_was_left_behind_ends_once_nothing_runs(alpha: Life) -> None:
    configure(alpha, 'ship = "30s"')
    reading, writing = os.pipe()
    os.close(reading)
    with desk(alpha) as asked:
        asked.of("alpha")
        Ship(alpha.home, asked, SystemClock(), writing).work()
        ship = Ship(alpha.home, asked, SystemClock(), writing)
        with InstanceLock(alpha.folder.lock, "alpha"):
            threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
            ship.work()
    assert events(alpha) == len(alpha.rows())


def test_a_second_one_is_refused(
    alpha: Life, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("investbot.bootstrap.ship.harden", lambda: None)  # this process is the test's
    lock = os.open(alpha.home.run.path / "shipping.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code = main(["--home", str(alpha.home.path), "--ready-fd", "0", "--ask-fd", "0"])
    os.close(lock)
    assert code == 75
    assert "is being shipped already" in capsys.readouterr().err


def test_neither_supervisor_nor_instance_reads_in_what_encrypts_backups() -> None:
    modules = "investbot.bootstrap.supervisor, investbot.bootstrap.instance, investbot.bootstrap.zygote"
    program = f"import sys, {modules}; print([m for m in ('pyrage', 'zstandard') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
