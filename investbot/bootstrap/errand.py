"""Sends a process of its own to the venue of one instance, for short work, and waits for its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from investbot.control.codec import error_for
from investbot.domain.errors import TryAgain
from investbot.supervisor.spawn import clean_environment

_MODULE = "investbot.bootstrap.errands"
LONGEST_S = 180.0
"""Seconds an errand may take."""


def send(home: Path, name: str, key: bytes, errand: str, by: str = "operator") -> dict[str, Any]:
    """Run an errand for an instance, its data key on a pipe, and give its answer; its own error comes out here.

    TryAgain when it takes too long or there is no room for a process.
    """
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(key)
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", _MODULE, errand, *_words(home, name, reading, by)],
            capture_output=True,
            check=False,
            cwd=home,
            env=clean_environment(os.environ),
            pass_fds=(reading,),
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_S,
            umask=0o077,
        )
    except subprocess.TimeoutExpired:
        message = f"The venue of {name} kept us waiting for {LONGEST_S:.0f} s; see `investbot logs {name}`, try again."
        raise TryAgain(message) from None
    except OSError as error:
        message = f"No process could be made for {name} ({error.strerror}); free some memory or disk, then try again."
        raise TryAgain(message) from None
    finally:
        os.close(reading)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise error_for(done.returncode, said[-1] if said else f"An errand of {name} failed without a word.")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _words(home: Path, name: str, key_fd: int, by: str) -> list[str]:
    return ["--home", str(home), "--name", name, "--key-fd", str(key_fd), "--by", by]
