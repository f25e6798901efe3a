"""The fork server as a process: reads in what every instance needs, once, before anything secret is near.

It opens no ledger, no log, no event loop and no thread; an exchange's class is read in when the first instance of that
exchange is wanted. Strategies and venues that other packages bring are left to the instances.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import socket
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from investbot.bootstrap.home import Home
from investbot.bootstrap.process import harden, spare
from investbot.domain.errors import ConfigError
from investbot.supervisor.zygote import Nursery, serve

MODULE = "investbot.bootstrap.zygote"
MODULES = (
    "apscheduler.executors.asyncio",
    "investbot.adapters.scheduling.apscheduler",
    "investbot.adapters.storage.ledger",
    "investbot.adapters.storage.migrations",
    "investbot.adapters.venues.ccxt.ports",
    "investbot.adapters.venues.ccxt.trading",
    "investbot.adapters.venues.ccxt.venue",
    "investbot.adapters.venues.fact_file",
    "investbot.adapters.venues.fed",
    "investbot.adapters.venues.replay",
    "investbot.adapters.venues.synthetic",
    "investbot.bootstrap.assembly",
    "investbot.bootstrap.confinement",
    "investbot.bootstrap.instance",
    "investbot.bootstrap.live",
    "investbot.bootstrap.settings",
    "investbot.bootstrap.systemd",
    "investbot.bootstrap.venues",
    "investbot.config.fleet",
    "investbot.config.instance",
    "investbot.config.reload",
    "investbot.control.feed_link",
    "investbot.control.link",
    "investbot.engine.simulated",
    "investbot.instance.live",
    "investbot.instance.runner",
    "investbot.simulation.book",
    "investbot.strategies.conservative_scalp",
    "investbot.strategies.ma_cross",
)
"""What instances import, whatever they trade; a test starts one and sees that nothing is missing here."""
OWN_VENUES = frozenset({"replay", "synthetic"})
"""The venues that are no exchange of ccxt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the fork server until the supervisor hangs up; return the exit code."""
    parser = argparse.ArgumentParser(prog=MODULE, description="Makes instance processes.")
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--control", type=int, required=True, help="the socket that requests come in on")
    parser.add_argument("--room", help="room for the command line of an instance")
    given = parser.parse_args(arguments)
    harden()
    spare()
    read_in()
    with socket.socket(fileno=given.control) as control:
        serve(control, nursery(given.home))
    return 0


def read_in() -> None:
    """Import what instances need and take it out of the garbage collector's sight, so that it stays shared."""
    gc.disable()
    for name in MODULES:
        importlib.import_module(name)
    from investbot.adapters.venues.ccxt.capabilities import known_exchanges
    from investbot.bootstrap.plugins import strategy_names
    from investbot.bootstrap.venues import venue_names

    known_exchanges(), strategy_names(), venue_names()  # tables that are kept once they were read
    _settle()


def nursery(home: Path) -> Nursery:
    """Say what the instances of `home` need, and what they are."""
    place = Home(home)
    known = set(OWN_VENUES)

    def prepare(name: str) -> None:
        """Read in the exchange that an instance trades at; what is wrong with its settings is for it to say."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ImportError, ConfigError):
            venue = str(tomllib.loads(place.instance(name).settings.read_text())["venue"]["name"])
            if venue not in known:
                known.add(venue)
                _read_exchange(venue)
                _settle()

    def live(name: str, key: int) -> int:
        from investbot.bootstrap.instance import live as be

        return be(home, name, key)

    def title(name: str) -> list[str]:
        return [sys.executable, "-m", "investbot.bootstrap.instance", "--home", str(home), "--name", name]

    return Nursery(prepare, live, title)


def _read_exchange(name: str) -> None:
    from investbot.adapters.venues.ccxt.loader import exchange_class
    from investbot.adapters.venues.ccxt.session import stream_class

    exchange_class(name)
    stream_class(name)


def _settle() -> None:
    """Collect once, then freeze: a collection in a child would touch, and so copy, every page."""
    gc.enable()
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
