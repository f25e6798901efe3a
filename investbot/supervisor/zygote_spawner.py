"""Instances out of a fork server: started within milliseconds, and most of their memory is one another's."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from investbot.supervisor.processes import Process, WatchedProcess
from investbot.supervisor.spawn import PlainSpawner, Spawner, clean_environment, last_words, no_room, sealed, words_file
from investbot.supervisor.zygote import LONGEST

LOG = logging.getLogger(__name__)
ANSWER_S = 60.0
"""Seconds that the fork server has for reading the program in, and for each answer."""
PLAIN_S = 60.0
"""Seconds without a fork server after one could not be made twice in a row."""
GOODBYE_S = 1.0
"""Seconds that a lost fork server has for its last words."""
TRIES = 2
WORDS = "zygote"
"""What the file in `run` is called that holds its own last words."""
_PR_SET_CHILD_SUBREAPER = 36
_ROOM = "." * 160
"""Room in the command line for the longer one of an instance, which is written over it."""


class _Gone(Exception):
    """The fork server does not answer."""


class _Server:
    """A fork server that runs; requests go to it one by one."""

    def __init__(self, home: Path, program: Sequence[str], answer_s: float) -> None:
        """Start it, without waiting until it is ready; OSError."""
        self._home = home
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = self._start(program, theirs)
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()
        self._control.settimeout(answer_s)
        self._ready = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def bear(self, name: str, key: int, words: int) -> WatchedProcess:
        """Let it make the process of an instance, with its key and its file for last words.

        _Gone without an answer; OSError where the system has no room.
        """
        try:
            self._await_ready()
            gate, push = os.pipe()
            try:
                try:
                    socket.send_fds(self._control, [json.dumps({"name": name}).encode()], [key, words, gate])
                finally:
                    os.close(gate)
                process = _made(self._hear())
                os.write(push, b"!")
                return process
            finally:
                os.close(push)
        except (ConnectionError, TimeoutError, ValueError) as error:
            raise _Gone(repr(error)) from None

    def end(self, patience_s: float = 0.0) -> None:
        """Hang up and bury it, killed where it takes more than `patience_s` seconds; its children live on."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        self._process.wait()

    def _start(self, program: Sequence[str], control: socket.socket) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-X", "faulthandler", *program, "--home", str(self._home)]
        with os.fdopen(words_file(self._home, WORDS), "wb") as stderr:
            return subprocess.Popen(
                [*command, "--control", str(control.fileno()), "--room", _ROOM],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(control.fileno(),),
                env=clean_environment(os.environ),
                cwd=self._home,
                start_new_session=True,
                umask=0o077,
            )

    def _await_ready(self) -> None:
        if not self._ready:
            self._hear()
            self._ready = True

    def _hear(self) -> dict[str, Any]:
        message = self._control.recv(LONGEST)
        if not message:
            raise _Gone("it has ended")
        return dict(json.loads(message))


class ForkServerSpawner:
    """Asks a fork server for each instance of `home`; where there is none to be had, `plain` makes it.

    Safe to use from several threads. The process that uses it becomes the parent of all instances.
    """

    def __init__(
        self,
        home: Path,
        plain: Spawner | None = None,
        program: Sequence[str] = ("-m", "investbot.bootstrap.zygote"),
        answer_s: float = ANSWER_S,
    ) -> None:
        """Spawn for `home`; `program` is what follows the interpreter's path (tests put theirs)."""
        self._answer_s = answer_s
        self._home = home.resolve()
        self._plain = plain or PlainSpawner(home)
        self._program = tuple(program)
        self._lock = Lock()
        self._server: _Server | None = None
        self._plain_until = float("-inf")

    def begin(self) -> None:
        """Start the fork server, so that it is ready when the first instance is wanted; it says nothing on failure."""
        with self._lock, contextlib.suppress(OSError):
            self._present()

    def spawn(self, name: str, data_key: bytes) -> Process:
        """Start instance `name`; TryAgain when the system has no room for it."""
        with self._lock:
            tries = TRIES if time.monotonic() >= self._plain_until else 0
            for _ in range(tries):
                try:
                    return self._forked(name, data_key)
                except _Gone as gone:
                    self._drop(gone)
                except OSError as error:
                    raise no_room(name, error.errno) from None
            if tries:
                self._plain_until = time.monotonic() + PLAIN_S
                fields = {"plain_for_s": PLAIN_S, "its_words": last_words(self._home, WORDS)}
                LOG.warning("fork_server_missing", extra={"fields": fields})
        return self._plain.spawn(name, data_key)

    def close(self) -> None:
        """End the fork server; the instances live on."""
        with self._lock:
            if self._server is not None:
                self._server.end()
                self._server = None

    @property
    def pid(self) -> int | None:
        """The process id of the fork server; None when there is none just now."""
        return None if self._server is None else self._server.pid

    def _forked(self, name: str, data_key: bytes) -> WatchedProcess:
        server = self._present()
        with contextlib.ExitStack() as opened:
            key = sealed(data_key)
            opened.callback(os.close, key)
            words = words_file(self._home, name)
            opened.callback(os.close, words)
            return server.bear(name, key, words)

    def _present(self) -> _Server:
        if self._server is None:
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            self._server = _Server(self._home, self._program, self._answer_s)
        return self._server

    def _drop(self, gone: _Gone) -> None:
        if self._server is not None:
            self._server.end(GOODBYE_S)
            self._server = None
        LOG.warning("fork_server_lost", extra={"fields": {"why": str(gone)}})


def _made(answer: dict[str, Any]) -> WatchedProcess:
    """Watch the child that an answer tells of; OSError as it told."""
    if "pid" not in answer:
        raise OSError(answer["errno"], "the fork server could not fork")
    return WatchedProcess(answer["pid"])


def make_spawner(home: Path, *, fork: bool = True) -> ForkServerSpawner | PlainSpawner:
    """Give the way to make instances: forked where the system can and it is wanted; else plain, and the log says so."""
    if fork and sys.platform == "linux":
        spawner = ForkServerSpawner(home)
        spawner.begin()
        return spawner
    LOG.warning("fork_server_unwanted", extra={"fields": {"platform": sys.platform}})
    return PlainSpawner(home)
