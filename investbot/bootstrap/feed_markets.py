"""Which public markets the instances of a home are fed from: nobody else's wish makes a feed call a host."""

from __future__ import annotations

import tomllib
from typing import Any

from investbot.bootstrap.home import Home
from investbot.bootstrap.venues import venue_names
from investbot.control.feed_messages import Market
from investbot.control.messages import parse
from investbot.domain.errors import UsageError


class FedMarkets:
    """Reads the settings of all instances; a file that has not changed is not read again. Touches the disk."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._own = set(venue_names())
        self._known: dict[str, tuple[int, Market | None]] = {}

    def any(self) -> bool:
        """Tell whether any instance needs a feed."""
        return any(self._of(name) is not None for name in self._home.names())

    def holds(self, market: Market) -> bool:
        """Tell whether an instance's settings name exactly this market."""
        key = market.key()
        found = (self._of(name) for name in self._home.names())
        return any(each is not None and each.key() == key for each in found)

    def _of(self, name: str) -> Market | None:
        """Give what an instance is fed from; None for one that needs no feed, or a file that cannot be read."""
        path = self._home.instance(name).settings
        try:
            changed = path.stat().st_mtime_ns
            known = self._known.get(name)
            if known is None or known[0] != changed:
                market = self._market(tomllib.loads(path.read_text(encoding="utf-8")))
                known = self._known[name] = (changed, market)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, UsageError):
            return None
        return known[1]

    def _market(self, told: dict[str, Any]) -> Market | None:
        venue = told["venue"]
        if venue["name"] in self._own or told.get("market", {}).get("sources"):
            return None
        sandbox = venue.get("mode") == "sandbox"
        return parse(Market, {"name": venue["name"], "settings": venue.get("ccxt", {}), "sandbox": sandbox})
