"""One instance as a process: locked, hardened, its key handed over; `python -m investbot.bootstrap.instance`.

The numeric libraries are imported once the process is hardened, and nothing an instance does not need ever is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.log.json_lines import JsonLines, Redactor
from investbot.adapters.log.rotation import RotatingFile
from investbot.bootstrap.home import Home, InstanceHome, write_beside
from investbot.bootstrap.process import harden, last_words, read_key, spare
from investbot.bootstrap.restored import finish, namespaces_of, restored_of
from investbot.control.identity import start_time
from investbot.domain.errors import InvestBotError
from investbot.domain.market import Millis
from investbot.instance.ending import Ending
from investbot.instance.lock import InstanceLock

if TYPE_CHECKING:
    from investbot.config.instance import InstanceConfig
    from investbot.engine.engine import Engine
    from investbot.instance.host import HostRules
    from investbot.instance.parts import Link, Market, Parts, Serve
    from investbot.ports.venue import Venue


@dataclass(frozen=True, slots=True)
class _Site:
    """Where an instance's parts are put together: its home and key, the clock, what strikes secrets from the log."""

    place: Home
    folder: InstanceHome
    key: bytes
    clock: SystemClock
    redactor: Redactor
    isolated: bool = False
    alone: bool = True
    lock: InstanceLock | None = None
    health_fd: int | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the instance that the arguments name until it ends; return its exit code, its sentence is on stderr."""
    parser = argparse.ArgumentParser(prog="investbot.bootstrap.instance", description="Runs one instance.")
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--name", required=True, help="the instance")
    parser.add_argument("--key-fd", type=int, required=True, help="the descriptor that holds the 32-byte data key")
    parser.add_argument("--alone", action="store_true", help="no supervisor is needed")
    parser.add_argument("--tell", action="store_true", help="say on stdout how it ended")
    parser.add_argument("--health-fd", type=int, help="the descriptor of a socket that listens for probes")
    given = parser.parse_args(arguments)
    spare()
    return live(given.home, given.name, given.key_fd, given.health_fd, alone=given.alone, tell=given.tell)


def live(
    home: Path, name: str, key_fd: int, health_fd: int | None = None, *, alone: bool = False, tell: bool = False
) -> int:
    """Run instance `name` until it ends, its 32-byte data key in `key_fd`; return its exit code, its sentence told.

    At `health_fd`, a socket that listens, probes are answered. `alone` is one that no supervisor started; with `tell`
    it says how it ended also when all went well.
    """
    harden()
    try:
        ending = run_foreground(home, name, read_key(key_fd), health_fd, isolated=True, alone=alone)
    except InvestBotError as error:
        ending = Ending.failed(name, error)
    if ending.exit_code:
        sys.stderr.write(f"{ending.message}\n")
    elif tell:
        sys.stdout.write(f"{ending.message}\n")
    return ending.exit_code


def run_foreground(
    home: Path, name: str, key: bytes, health_fd: int | None = None, *, isolated: bool = False, alone: bool = True
) -> Ending:
    """Run instance `name` in this process until it ends; `key` is its 32-byte data key.

    `isolated` restricts the process for good to what this instance needs; `alone` is one that no supervisor started.
    How it ended is also in its `exit.json`. UnknownInstance, and TryAgain when it runs already.
    """
    from investbot.instance.runner import guarded

    place = Home(home.resolve())
    folder = place.existing(name)
    folder.ensure()
    with InstanceLock(folder.lock, name) as lock:
        finish(folder.path)  # a restore that was killed while it put its files in place
        site = _Site(place, folder, key, SystemClock(), Redactor([key]), isolated, alone, lock, health_fd)
        folder.exit.unlink(missing_ok=True)
        with last_words(folder.logs / "fault.log"), _log(site) as handler:
            return guarded(
                name,
                lambda: _work(site, handler),
                lambda ending: _record(folder, ending, site.clock),
            )


def flatten_stopped(home: Path, name: str, key: bytes, by: str = "operator") -> dict[str, Any]:
    """Sell all that an instance which does not run holds; give what came of it (see `desk.answer`).

    On paper from its ledger alone; at a venue, real or brought by another package, in a process of its own, which
    cancels, sells, and asks what is left.
    UnknownInstance, TryAgain when it runs or something is left, VaultError, LedgerError, DataError, VenueError.
    """
    from investbot.bootstrap.errand import send
    from investbot.bootstrap.live import at_venue
    from investbot.bootstrap.venues import is_brought
    from investbot.config.instance import load_instance
    from investbot.instance.flatten import flatten

    place = Home(home.resolve())
    folder = place.existing(name)
    folder.ensure()
    config = load_instance(folder.path)
    if at_venue(config) or is_brought(config.venue.name):
        return send(place.path, name, key, "flatten", by)
    site = _Site(place, folder, key, SystemClock(), Redactor([key]))
    with InstanceLock(folder.lock, name), _log(site, "investbot.instance"):
        return asyncio.run(flatten(_parts(site, config, opinions=False), by))


def flatten_at_venue(home: Path, name: str, key: bytes, by: str) -> dict[str, Any]:
    """Sell all that an instance which does not run holds, and see that its venue has no order of it.

    Errors as for `flatten_stopped`, which does this in a process of its own.
    """
    from investbot.bootstrap.account import ask_venue, demand_none_left
    from investbot.bootstrap.live import at_venue, has_begun
    from investbot.config.instance import load_instance
    from investbot.instance.flatten import flatten

    place = Home(home.resolve())
    folder = place.existing(name)
    folder.ensure()
    config = load_instance(folder.path)
    site = _Site(place, folder, key, SystemClock(), Redactor([key]), isolated=not at_venue(config))
    with InstanceLock(folder.lock, name), _log(site):
        finish(folder.path)
        if not has_begun(folder, key):
            return {"action": "flatten", "flat": True, "dust": {}, "events": []}
        answer = asyncio.run(flatten(_parts(site, config, opinions=False), by))
        if at_venue(config):
            demand_none_left(name, lambda: ask_venue(place, name, key))
        return answer


def _work(site: _Site, handler: RotatingFile) -> Ending:
    """Build everything in order (configuration, log, ledger, venue), then let the loop run."""
    from investbot.bootstrap.settings import SettingsFile, follow_log, recorded
    from investbot.instance.runner import Runner

    config = recorded(site.folder.path, site.clock.now())
    follow_log(handler, config)
    logging.getLogger("investbot.instance").info(
        "started", extra={"fields": {"pid": os.getpid(), "version": config.version, "venue": config.venue.name}}
    )
    settings = SettingsFile(site.folder.path, config, partial(follow_log, handler))
    return asyncio.run(Runner(replace(_parts(site, config), settings=settings)).run())


def _parts(site: _Site, config: InstanceConfig, *, opinions: bool = True) -> Parts:
    """Put an instance together; without `opinions` no strategy is loaded, which may be somebody else's code."""
    from investbot.adapters.scheduling.apscheduler import Scheduler
    from investbot.adapters.storage.ledger import SqlcipherLedger
    from investbot.bootstrap.assembly import NoOpinion, engine_spec, identity_of, strategy_of
    from investbot.bootstrap.intelligence import asked_by
    from investbot.bootstrap.live import POLL_PAPER_S, POLL_S, at_venue
    from investbot.engine.engine import Engine
    from investbot.instance.parts import Parts

    place, folder, clock = site.place, site.folder, site.clock
    namespace = namespaces_of(place, folder, site.key)[-1]
    ledger = SqlcipherLedger.open(folder.ledger, site.key)
    try:
        isolation = _isolated(site, config)  # what others wrote is read in after this
        strategy = strategy_of(config, folder.path) if opinions else NoOpinion()
        venue, make_market = _venue(site, config)
    except BaseException:
        ledger.close()
        raise
    return Parts(
        identity=replace(identity_of(config), isolation=isolation),
        clock=clock,
        venue=venue,
        ledger=ledger,
        make_engine=lambda instruments: Engine(engine_spec(config, instruments, config.capital, namespace), strategy),
        make_market=make_market,
        make_link=lambda serve: _link(site, serve, config.restart.orphan_after),
        make_jobs=lambda on_error: Scheduler(clock, on_error),
        host=_host_rules(site, config),
        poll_s=POLL_S if at_venue(config) else POLL_PAPER_S,
        sources=asked_by(config, folder, site.key, site.redactor.add) if opinions else (),
    )


def _link(site: _Site, serve: Serve, orphan_after: Millis) -> Link:
    """Make the way to a supervisor; in the foreground to the service manager too."""
    from investbot.bootstrap.systemd import told_link
    from investbot.control.link import InstanceLink
    from investbot.control.messages import WORD_S

    if not site.alone:
        word_s = min(WORD_S, orphan_after / 4000)
        return InstanceLink(site.place.path, site.folder.name, serve, word_s=word_s)
    return told_link(site.place.path, site.folder.name, serve, site.health_fd)


def _host_rules(site: _Site, config: InstanceConfig) -> HostRules:
    """Say what of the machine counts: nobody has to watch a replay, nor what runs in the foreground."""
    from investbot.instance.host import HostRules

    told = config.restart
    after_s = None if site.alone or config.venue.name == "replay" else told.orphan_after / 1000
    holds = {} if site.lock is None else {"holds": site.lock.renew}
    return HostRules(after_s, told.memory_mb, site.place.path, **holds)


def _isolated(site: _Site, config: InstanceConfig) -> dict[str, str] | None:
    """Restrict this process where it is to be; tell what of that is in force."""
    if not site.isolated:
        return None
    from investbot.bootstrap.confinement import isolate

    return isolate(site.place, site.folder, config, site.key, answers=site.health_fd is not None).data()


def _venue(site: _Site, config: InstanceConfig) -> tuple[Venue, Callable[[Engine], Market]]:
    """Give where candles come from, and what matches orders: the model of a venue, or an account there."""
    from investbot.bootstrap.live import WatchedVenue, at_venue, demand_allowed, trading_venue, venue_keys
    from investbot.bootstrap.venues import make_venue
    from investbot.config.fleet import load_fleet

    home = site.place.path
    keys = venue_keys(site.folder, site.key) if at_venue(config) else {}
    for value in keys.values():
        site.redactor.add(value)
    fed_by = home if load_fleet(home).feed.enabled else None
    candles = make_venue(config, site.clock, fed_by, site.place.market, keys)
    if not at_venue(config):
        from investbot.engine.simulated import SimulatedMarket
        from investbot.simulation.book import Book

        demand_allowed(config, site.folder, site.key)
        return candles, lambda engine: SimulatedMarket(engine, Book(engine.spec.costs, engine.spec.instruments))
    from investbot.instance.live import LiveMarket

    trading = trading_venue(config, keys, site.place, site.clock)
    demand_allowed(config, site.folder, site.key)
    back = restored_of(site.place, site.folder, site.key)
    return WatchedVenue(candles, trading.health), lambda engine: LiveMarket(engine, trading, candles.now, restored=back)


@contextmanager
def _log(site: _Site, of: str | None = None) -> Iterator[RotatingFile]:
    """Send every log line of this process (or of the logger `of` and those below it) to the instance's own file."""
    handler = RotatingFile(site.folder.log, site.clock)
    handler.setFormatter(JsonLines(site.redactor, instance=site.folder.name))
    root, own = logging.getLogger(of), logging.getLogger("investbot")
    before = own.level
    root.addHandler(handler)
    own.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        own.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def _record(folder: InstanceHome, ending: Ending, clock: SystemClock) -> None:
    """Leave word of how it ended; a disk that takes no word must not change how it ended."""
    body = json.dumps(ending.record(clock.now(), os.getpid(), start_time())).encode() + b"\n"
    try:
        if folder.exit.exists():  # an isolated process can make no file beside it
            folder.exit.write_bytes(body)
        else:
            write_beside(folder.exit, body)
    except OSError as error:
        logging.getLogger("investbot.instance").warning("exit_not_written", extra={"fields": {"why": error.strerror}})


if __name__ == "__main__":
    sys.exit(main())
