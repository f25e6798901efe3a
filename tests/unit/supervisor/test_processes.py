"""Processes seen from outside, and how they are made."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.control.identity import start_time
from investbot.domain.errors import TryAgain
from investbot.supervisor.processes import (
    WatchedProcess,
    age_s,
    lock_holder,
    lock_is_held,
    same_process,
    usage,
)
from investbot.supervisor.spawn import PlainSpawner, clean_environment, last_words, stderr_path


def wait(process: WatchedProcess) -> None:
    assert select.select([process.fileno()], [], [], 10)[0]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def program(home: Path, source: str) -> PlainSpawner:
    path = home / "child.py"
    path.write_text(source)
    return PlainSpawner(home, (str(path),))


@pytest.mark.parametrize(("source", "code"), [("raise SystemExit(78)", 78), ("import os; os.abort()", -6), ("", 0)])
def test_the_end_of_a_child_is_told_by_its_pidfd(home: Path, source: str, code: int) -> None:
    process = program(home, source).spawn("alpha", b"k" * 32)
    assert isinstance(process, WatchedProcess)
    wait(process)
    assert process.reap() == code
    process.send(signal.SIGTERM)
    process.close()
    process.close()


def test_the_child_gets_its_key_and_the_home_as_its_folder(home: Path) -> None:
    source = "import os,sys; k=os.read(int(sys.argv[-1]),99); print(k, os.getcwd(), sys.argv[1:5], file=sys.stderr)"
    process = program(home, source).spawn("alpha", b"k" * 32)
    assert isinstance(process, WatchedProcess)
    wait(process)
    process.reap()
    process.close()
    words = last_words(home, "alpha")
    assert words == f"{b'k' * 32!r} {home} ['--home', '{home}', '--name', 'alpha']"


def test_a_file_in_the_home_does_not_stand_in_for_a_module(home: Path) -> None:
    (home / "json.py").write_text("raise SystemExit(5)")
    process = program(home, "import json").spawn("alpha", b"k" * 32)
    assert isinstance(process, WatchedProcess)
    wait(process)
    assert process.reap() == 0
    process.close()


def test_no_room_for_a_process_is_try_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(TryAgain, match="could not be made"):
        program(home, "").spawn("alpha", b"k" * 32)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_only_what_is_known_to_be_harmless_is_inherited() -> None:
    kept = clean_environment({"PATH": "/bin", "LC_ALL": "C", "API_SECRET": "x", "INVESTBOT_PASSPHRASE_FILE": "y"})
    assert kept == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def test_last_words_are_the_last_line_that_says_something(home: Path) -> None:
    assert last_words(home, "alpha") is None
    stderr_path(home, "alpha").write_bytes(b"first\n" + b"x" * 5000 + b"\nValueError: \xff no\n \n\n")
    assert last_words(home, "alpha") == "ValueError: � no"
    stderr_path(home, "alpha").write_bytes(b"\n")
    assert last_words(home, "alpha") is None


def test_a_process_is_told_from_a_later_one_of_the_same_pid() -> None:
    began = start_time()
    assert began is not None
    process = same_process(os.getpid(), began)
    assert process is not None
    assert process.reap() is None
    process.close()
    assert same_process(os.getpid(), began + 1) is None
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert same_process(gone.pid, began) is None
    assert start_time(gone.pid) is None
    assert usage(gone.pid) is None


def test_what_this_process_takes() -> None:
    taken = usage(os.getpid())
    assert taken is not None
    assert taken.rss_mb > 5
    assert taken.cpu_s > 0
    assert taken.pss_mb is None or 0 < taken.pss_mb <= taken.rss_mb + 50
    began = start_time()
    assert began is not None
    assert 0 <= age_s(began) < 3600 * 24


def test_a_lock_tells_that_it_is_held_and_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not lock_is_held(path)
    assert lock_holder(path) is None
    assert not path.exists()
    with path.open("w") as file:
        assert not lock_is_held(path)
        assert lock_holder(path) is None
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_is_held(path)
        assert lock_holder(path) in {os.getpid(), None}
    assert not lock_is_held(path)


def test_one_that_has_ended_and_waits_to_be_reaped_is_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ending:
        began = start_time(ending.pid)
        assert began is not None
        living = same_process(ending.pid, began)
        assert living is not None
        ending.kill()
        assert living.wait(60.0)
        living.close()
        assert start_time(ending.pid) == began, "a zombie"
        assert same_process(ending.pid, began) is None
