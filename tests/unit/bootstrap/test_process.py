"""What a process that holds secrets does first."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.bootstrap.process import last_words, read_key
from investbot.domain.errors import VaultError

LOOK = """
import ctypes, json, os, resource
from investbot.bootstrap.process import harden
harden()
print(json.dumps([
    ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    list(resource.getrlimit(resource.RLIMIT_CORE)),
    os.umask(0),
    os.environ["OPENBLAS_NUM_THREADS"],
    "numpy" in __import__("sys").modules,
]))
"""


def piped(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_a_hardened_process_is_closed_to_others() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout == '[0, [0, 0], 63, "1", false]\n'


def test_a_key_is_read_once_and_its_pipe_closed() -> None:
    descriptor = piped(bytes(range(32)))
    assert read_key(descriptor) == bytes(range(32))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(VaultError, match=f"has {length} bytes instead of 32"):
        read_key(piped(bytes(length)))


def test_no_pipe_is_refused() -> None:
    descriptor = piped(b"")
    os.close(descriptor)
    with pytest.raises(VaultError, match="No data key was handed over"):
        read_key(descriptor)


def test_a_killed_interpreter_leaves_its_stacks(tmp_path: Path) -> None:
    program = (
        "import os; from pathlib import Path; from investbot.bootstrap.process import last_words\n"
        f"with last_words(Path({str(tmp_path / 'fault.log')!r})):\n    os.abort()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "Current thread" in (tmp_path / "fault.log").read_text()
    assert (tmp_path / "fault.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", [True, False])
def test_the_fault_handler_is_given_back(tmp_path: Path, before: bool) -> None:
    was = faulthandler.is_enabled()
    try:
        if before:
            with (tmp_path / "other").open("w") as other:
                faulthandler.enable(other)
                with last_words(tmp_path / "fault.log"):
                    assert faulthandler.is_enabled()
                assert faulthandler.is_enabled()
        else:
            faulthandler.disable()
            with last_words(tmp_path / "fault.log"):
                assert faulthandler.is_enabled()
            assert not faulthandler.is_enabled()
    finally:
        faulthandler.disable()
        if was:
            faulthandler.enable(sys.__stderr__ or sys.stderr)
