"""The supervisor as a process, with what it needs of configuration, vault and ledgers."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.log.json_lines import Redactor
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap import reading
from investbot.bootstrap.account import Account, admit, check_capital, demand_none_left, key_desk, read_account
from investbot.bootstrap.admission import access_of
from investbot.bootstrap.consent import read_consent
from investbot.bootstrap.errand import send
from investbot.bootstrap.feed_companion import feed_companion
from investbot.bootstrap.home import Home, InstanceHome, write_beside
from investbot.bootstrap.limits import LimitsFile
from investbot.bootstrap.live import at_venue
from investbot.bootstrap.notices import FleetNews
from investbot.bootstrap.process import harden
from investbot.bootstrap.process_log import process_log
from investbot.bootstrap.settings import recorded
from investbot.bootstrap.shipping_companion import shipping_companion
from investbot.bootstrap.systemd import Manager, SupervisorHerald
from investbot.bootstrap.vault_opening import DataKeys, open_vault
from investbot.config.fleet import load_fleet
from investbot.config.instance import InstanceConfig, load_instance, with_capital
from investbot.config.versions import change
from investbot.control.server import HomeLock
from investbot.domain.errors import ConfigError, InvestBotError
from investbot.domain.states import Mode
from investbot.ports.clock import Clock
from investbot.supervisor import daemon
from investbot.supervisor.app import Supervisor
from investbot.supervisor.companions import Companion
from investbot.supervisor.lifecycle import RestartPolicy
from investbot.supervisor.lines import Line
from investbot.supervisor.outside import Recipe
from investbot.supervisor.post import Post
from investbot.supervisor.spawn import Spawner
from investbot.supervisor.zygote_spawner import make_spawner

_MODULE = "investbot.bootstrap.supervisor"
_MS = 1000
INSPECTION = "inspection"
"""The kind of rows that say what is wrong with a ledger."""
Ready = Callable[[], None]


def run_supervisor(
    home: Path, passphrase: str, *, restore: bool = False, ready: Callable[[], None] | None = None, fork: bool = True
) -> list[Line]:
    """Supervise a home in this process until it is told to go down; give a line for each instance that was stopped.

    `ready` is called once the socket answers; `restore` starts what ran before the last `down`; without `fork` each
    instance is a fresh interpreter. AlreadyExists when the home has a supervisor, ConfigError, VaultError.
    """
    place = Home(home.resolve())
    if not place.settings.is_file():
        raise ConfigError(f"There is no home in {place.path}; make one with `investbot init --home {place.path}`.")
    place.ensure()
    clock = SystemClock()
    lock = HomeLock(place.path)
    try:
        load_fleet(place.path)
        redactor = Redactor([passphrase])
        with process_log(place.run.log, clock, redactor), closing(make_spawner(place.path, fork=fork)) as spawner:
            vault = open_vault(place, passphrase)  # by now the fork server is on its way, without any secret
            try:
                outside = FleetFiles(place, vault, clock)
                post = Post(place.path, FleetNews(place, vault, outside.data_key, redactor.add), clock)
                beside = [feed_companion(place), shipping_companion(place, vault, outside.data_key)]
                told = ready or (lambda: None)
                supervising = _supervise(place, outside, spawner, post, clock, told, beside, restore=restore)
                return asyncio.run(supervising)
            finally:
                vault.close()
    finally:
        lock.close()


def detach(home: Path, passphrase: str, *, restore: bool = False, fork: bool = True) -> int:
    """Start the supervisor of a home as a daemon and give its pid once it answers; errors as for `run_supervisor`."""
    place = home.resolve()
    if not Home(place).settings.is_file():
        raise ConfigError(f"There is no home in {place}; make one with `investbot init --home {place}`.")
    program = ["-m", _MODULE, "--home", str(place), *(["--restore"] if restore else [])]
    program += [] if fork else ["--plain"]
    return daemon.detach(place, passphrase, program)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the daemon that `detach` starts; return the exit code."""
    parser = argparse.ArgumentParser(prog=_MODULE, description="Supervises one home.")
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--passphrase-fd", type=int, required=True, help="the pipe that holds the passphrase")
    parser.add_argument("--ready-fd", type=int, help="the pipe that is told when the socket answers")
    parser.add_argument("--restore", action="store_true", help="start what ran before the last down")
    parser.add_argument("--plain", action="store_true", help="make a fresh interpreter for each instance")
    given = parser.parse_args(arguments)
    harden()
    word = daemon.Word(given.ready_fd)
    try:
        passphrase = daemon.read_passphrase(given.passphrase_fd)
        run_supervisor(given.home, passphrase, restore=given.restore, ready=word.ready, fork=not given.plain)
    except InvestBotError as error:
        word.failed(error)
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


class FleetFiles:
    """`supervisor.outside.Outside` on a home's files: configuration, vault and ledgers."""

    def __init__(self, home: Home, vault: OpenVault, clock: Clock) -> None:
        """Read `home` with an open vault."""
        self._home = home
        self._keys = DataKeys(home, vault)
        self._clock = clock
        self._rows: dict[str, tuple[object, dict[str, Any]]] = {}

    def names(self) -> list[str]:
        """Name all instances."""
        return self._home.names()

    def recipe(self, name: str) -> Recipe:
        """Read capital, mode and restart policy; UnknownInstance, ConfigError."""
        config = recorded(self._home.existing(name).path, self._clock.now())
        told = config.restart
        restart = RestartPolicy(
            backoff_s=told.backoff / _MS, max_s=told.max / _MS, limit=told.limit, window_s=told.window / _MS
        )
        live = config.venue.mode is Mode.LIVE
        confirmed = live and read_consent(self._home.existing(name)).version == config.version
        return Recipe(config.capital, live, at_venue(config), confirmed, restart)

    def admit(self, name: str, by: str, *, accept_withdrawals: bool) -> None:
        """Ask its venue whether an instance may start, then note that `by` allows it to, as it is configured now."""
        admit(self._home, name, self.data_key, self._ask, accept_withdrawals=accept_withdrawals, by=by)

    def afford(self, name: str, amount: Decimal) -> None:
        """Ask its venue whether the account bears this allocation, in quote; ConfigError, AuthFailed."""
        check_capital(self._home, name, self.data_key, self._ask, amount)

    def prove_flat(self, name: str) -> None:
        """Ask its venue whether it has orders of a flat instance; TryAgain naming them, or why it does not say."""
        if at_venue(self._config(name)):
            demand_none_left(name, lambda: self._ask(name, self.data_key(name)))

    def data_key(self, name: str) -> bytes:
        """Give an instance's key as it is now, also of one made after the vault was opened; VaultError."""
        return self._keys(name)

    def fleet_capital(self) -> Decimal | None:
        """Give the fleet's capital in quote; None for no cap; ConfigError."""
        return load_fleet(self._home.path).fleet.capital

    def row(self, name: str) -> dict[str, Any]:
        """Give the status row of an instance that does not run; read again only when its files have changed."""
        instance = self._home.existing(name)
        stamp = _stamp(instance)
        known = self._rows.get(name)
        if known is None or known[0] != stamp:
            known = self._rows[name] = (stamp, self._read_row(instance))
        return dict(known[1])

    def rows(self, kind: str, name: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the rows of one kind, oldest first; UsageError, VaultError, LedgerError."""
        instance = self._home.existing(name)
        if kind == INSPECTION:
            return [{"finding": each} for each in inspect(instance.ledger, self.data_key(name))]
        with self._reading(instance) as reader:
            return reading.read_rows(kind, reader, **filters)

    def allocate(self, name: str, amount: Decimal) -> None:
        """Write a new version of the configuration with this capital, in quote; ConfigError, TryAgain."""
        folder = self._home.existing(name).path
        change(
            folder, lambda config: with_capital(config, amount), self._clock.now(), "supervisor", f"capital {amount:f}"
        )

    def flatten(self, name: str) -> dict[str, Any]:
        """Sell all that an instance which does not run holds, from its ledger; give its row and what dust is left."""
        from investbot.bootstrap.instance import flatten_stopped

        answer = flatten_stopped(self._home.path, name, self.data_key(name))
        return self.row(name) | {"dust": answer.get("dust")}

    def reload(self) -> None:
        """Read the vault anew; VaultError when all its keys were renewed."""
        self._rows.clear()
        self._keys.reload()

    def _ask(self, name: str, key: bytes) -> Account:
        """Ask in a process of its own: an exchange class takes more memory than a whole supervisor."""
        return read_account(send(self._home.path, name, key, "account"))

    def _config(self, name: str) -> InstanceConfig:
        return load_instance(self._home.existing(name).path)

    def _read_row(self, instance: InstanceHome) -> dict[str, Any]:
        config = load_instance(instance.path)
        try:
            with self._reading(instance) as reader:
                return reading.status_row(config, reader)
        except InvestBotError as error:
            return reading.status_row(config, None) | {"error": str(error)}

    @contextmanager
    def _reading(self, instance: InstanceHome) -> Iterator[SqlcipherReader]:
        reader = SqlcipherReader.open(instance.ledger, self.data_key(instance.name))
        try:
            yield reader
        finally:
            reader.close()


async def _supervise(
    home: Home,
    outside: FleetFiles,
    spawner: Spawner,
    post: Post,
    clock: Clock,
    ready: Ready,
    companions: Sequence[Companion],
    *,
    restore: bool,
) -> list[Line]:
    loop = asyncio.get_running_loop()
    herald = SupervisorHerald(Manager(os.environ))
    more: dict[str, Any] = {"companions": companions, "herald": herald, "post": post, "access": access_of(home)}
    more |= {"limits": LimitsFile(home.path).read, "look_at_keys": key_desk(home, outside.data_key)}
    supervisor = Supervisor(home.path, outside, spawner, clock, **more)
    asked: list[asyncio.Task[Any]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: asked.append(asyncio.create_task(supervisor.go_down())))
    loop.add_signal_handler(signal.SIGHUP, lambda: asked.append(asyncio.create_task(_reload(supervisor))))
    pid = home.run.pid

    def answering() -> None:
        write_beside(pid, f"{os.getpid()}\n".encode())
        logging.getLogger(_MODULE).info("supervisor_ready", extra={"fields": {"pid": os.getpid()}})
        ready()

    try:
        return await supervisor.run(answering, restore=restore)
    finally:
        pid.unlink(missing_ok=True)
        logging.getLogger(_MODULE).info("supervisor_down")


async def _reload(supervisor: Supervisor) -> None:
    """Read anew on SIGHUP, as `reload` does; what is wrong is in the log, and everything stays as it was."""
    try:
        await supervisor.reload()
    except InvestBotError as error:
        logging.getLogger(_MODULE).error("not_reloaded", extra={"fields": {"error": str(error)}})


def _stamp(instance: InstanceHome) -> object:
    """Tell one state of an instance's files from another."""
    stamps = []
    for path in (instance.ledger, instance.ledger.with_name(f"{instance.ledger.name}-wal"), instance.settings):
        try:
            state = path.stat()
            stamps.append((state.st_ino, state.st_size, state.st_mtime_ns))
        except FileNotFoundError:
            stamps.append((0, 0, 0))
    return stamps


if __name__ == "__main__":
    sys.exit(main())
