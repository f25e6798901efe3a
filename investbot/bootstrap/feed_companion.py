"""The feed as a companion of a home's instances: there is one as soon as anybody needs candles of an exchange."""

from __future__ import annotations

import tomllib

from investbot.bootstrap.home import Home
from investbot.bootstrap.venues import venue_names
from investbot.config.fleet import load_fleet
from investbot.domain.errors import ConfigError
from investbot.supervisor.companions import Companion

NAME = "feed"


def feed_companion(home: Home) -> Companion:
    """Describe the feed of `home`."""
    return Companion(NAME, ("-m", "investbot.bootstrap.feed"), wanted=_Wanted(home))


class _Wanted:
    """Tells whether a home needs a feed; remembers files that have not changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._own = set(venue_names())
        self._venues: dict[str, tuple[int, str]] = {}

    def __call__(self) -> bool:
        try:
            told = load_fleet(self._home.path).feed
        except ConfigError:
            return False  # whoever reads that file next says what is wrong with it
        if not told.enabled:
            return False
        return bool(told.pulls) or any(self._venue(name) not in self._own for name in self._home.names())

    def _venue(self, name: str) -> str:
        """Name an instance's venue; one of our own for a file that cannot be read."""
        path = self._home.instance(name).settings
        try:
            changed = path.stat().st_mtime_ns
            known = self._venues.get(name)
            if known is None or known[0] != changed:
                venue = str(tomllib.loads(path.read_text(encoding="utf-8"))["venue"]["name"])
                known = self._venues[name] = (changed, venue)
        except (OSError, ValueError, LookupError, TypeError):
            return next(iter(self._own))
        return known[1]
