"""Shipping as a process: `python -m investbot.bootstrap.ship`; the companion of a supervisor, which answers for keys.

It goes on with the keys it has when its supervisor dies, as instances do, and ends once none of them runs any more.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from investbot.adapters.backups import sealing
from investbot.adapters.clock import SystemClock
from investbot.adapters.log.json_lines import Redactor
from investbot.adapters.storage.history import LedgerHistory
from investbot.bootstrap.home import Home
from investbot.bootstrap.process import harden, spare
from investbot.bootstrap.process_log import process_log
from investbot.bootstrap.shipping import Shipper
from investbot.config.fleet import load_fleet
from investbot.domain.errors import ConfigError, InvestBotError, TryAgain, VaultError
from investbot.ports.backups import Keys
from investbot.ports.clock import Clock
from investbot.supervisor.processes import lock_is_held

_LOG = logging.getLogger("investbot.shipping")
_TURN_S = 1.0
"""Seconds between two words to the supervisor, and two looks at whether it is time."""
_ANSWER_S = 10.0
"""Seconds that the supervisor may take to answer."""
_MS = 1000
_LOOKS = 10
"""Ledgers that are looked into in one turn, between two rounds: a few milliseconds each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship the history of a home until SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="investbot.bootstrap.ship", description="Ships the history of a home.")
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--ready-fd", type=int, required=True, help="the pipe that is told that it works")
    parser.add_argument("--ask-fd", type=int, required=True, help="the socket on which keys are asked for")
    given = parser.parse_args(arguments)
    harden()
    spare()
    place, clock, redactor = Home(given.home.resolve()), SystemClock(), Redactor([])
    try:
        lock = _lock(place.run.path / "shipping.lock")
        with process_log(place.run.path / "shipping.log", clock, redactor):
            desk = KeyDesk(socket.socket(fileno=given.ask_fd), redactor)
            Ship(place, desk, clock, given.ready_fd).work()
        os.close(lock)
    except InvestBotError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


class KeyDesk:
    """Keys of instances, asked of the supervisor once and kept."""

    def __init__(self, door: socket.socket, redactor: Redactor) -> None:
        """Ask on `door`; every key is struck from the log by `redactor`."""
        self._door = door
        self._door.settimeout(_ANSWER_S)
        self._redactor = redactor
        self._known: dict[str, tuple[bytes, Keys]] = {}

    def of(self, name: str) -> tuple[bytes, Keys]:
        """Give the data key of an instance and the keys of its backups; VaultError when nobody answers for it."""
        if name not in self._known:
            question = {"name": name, "identity": sealing.new_identity()}
            try:
                self._door.send(json.dumps(question).encode())
                told = json.loads(self._door.recv(1 << 14))
                key, seal, identity = bytes.fromhex(told["key"]), bytes.fromhex(told["seal"]), str(told["identity"])
            except (OSError, ValueError, KeyError, TypeError):
                raise VaultError(f"Nobody answers for the keys of {name}.") from None
            for secret in (key, seal, identity):
                self._redactor.add(secret)
            self._known[name] = key, Keys((identity,), (seal,))
        return self._known[name]

    def forget(self, name: str) -> None:
        """Ask again the next time: the key may have been changed."""
        self._known.pop(name, None)

    def names(self) -> list[str]:
        """Name the instances whose keys are known."""
        return list(self._known)


class Ship:
    """One home's shipping: every so often each instance that has changed."""

    def __init__(self, home: Home, desk: KeyDesk, clock: Clock, ready_fd: int) -> None:
        """Ship `home`, telling `ready_fd` every second or so that it works."""
        self._home = home
        self._desk = desk
        self._clock = clock
        self._ready_fd = ready_fd
        self._stamps: dict[str, object] = {}
        self._seen: dict[str, object] = {}
        self._steps: dict[str, dict[int, tuple[str, int]]] = {}
        self._failed: dict[str, str] = {}
        self._stopping = False

    def work(self) -> None:
        """Ship until SIGTERM, until `[backups] ship` is 0, or until nothing is left to be shipped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        os.set_blocking(self._ready_fd, False)
        _LOG.info("shipping_ready", extra={"fields": {"pid": os.getpid()}})
        due = self._clock.monotonic()
        while not self._stopping:
            watched = self._speak()
            self.look()
            if self._clock.monotonic() >= due:
                every_s = self.round()
                if not every_s:
                    break
                due = self._clock.monotonic() + every_s
            if not watched and not any(lock_is_held(self._home.instance(name).lock) for name in self._desk.names()):
                break
            time.sleep(_TURN_S)
        self.round()
        _LOG.info("shipping_down")

    def look(self) -> None:
        """Note how far ledgers that have changed have come: each such moment can be restored later.

        Of many that changed those come first that were not looked into for longest.
        """
        looks = 0
        for name in sorted(self._desk.names(), key=lambda name: name in self._seen):
            stamp = self._stamp(name)
            if stamp in {self._seen.get(name), self._stamps.get(name)} or looks == _LOOKS:
                continue
            self._seen.pop(name, None)
            self._seen[name], looks = stamp, looks + 1
            with suppress(InvestBotError):
                key, _ = self._desk.of(name)
                with closing(LedgerHistory.open(self._home.instance(name).ledger, key)) as ledger:
                    for seq, symbol, opened_at in ledger.steps():
                        self._steps.setdefault(name, {})[seq] = symbol, opened_at

    def round(self) -> float:
        """Ship what has changed; give the seconds until the next round, 0 for never."""
        try:
            told = load_fleet(self._home.path).backups
        except ConfigError as error:
            self._failing("", error)
            return 60.0
        shipper = Shipper(self._home, [Path(to) for to in told.to], told.recipients, self._speak)
        for name in self._home.names() if told.ship else ():
            stamp = self._stamp(name)
            if stamp == self._stamps.get(name):
                continue
            try:
                key, keys = self._desk.of(name)
                shipper.ship(name, key, keys, self._clock.now(), self._steps.get(name, {}))
            except InvestBotError as error:
                self._desk.forget(name)
                self._failing(name, error)
            else:
                self._stamps[name] = stamp
                self._steps.pop(name, None)
                if self._failed.pop(name, None) is not None:
                    _LOG.info("shipped_again", extra={"fields": {"instance": name}})
        return told.ship / _MS

    def _failing(self, name: str, error: InvestBotError) -> None:
        """Say once what goes wrong with an instance."""
        if self._failed.get(name) != str(error):
            self._failed[name] = str(error)
            _LOG.error("not_shipped", extra={"fields": {"instance": name, "error": str(error)}})

    def _speak(self) -> bool:
        """Say that it works; tell whether anybody listens."""
        try:
            with suppress(BlockingIOError):
                os.write(self._ready_fd, b"\n")
        except BrokenPipeError:
            return False
        return True

    def _stamp(self, name: str) -> object:
        """Tell one state of a ledger from another without opening it."""
        ledger = self._home.instance(name).ledger
        found = []
        for path in (ledger, ledger.with_name(f"{ledger.name}-wal")):
            with suppress(OSError):
                state = path.stat()
                found.append((state.st_ino, state.st_size, state.st_mtime_ns))
        return tuple(found)


def _lock(path: Path) -> int:
    """Be the only one that ships a home; TryAgain when there is another."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise TryAgain("This home is being shipped already; `investbot status` tells how its supervisor is.") from None
    os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
    return descriptor


if __name__ == "__main__":
    sys.exit(main())
