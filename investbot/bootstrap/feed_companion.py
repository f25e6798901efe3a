"""The feed as a companion of a home's instances: there is one as soon as anybody needs candles of an exchange."""

from __future__ import annotations

from investbot.bootstrap.feed_markets import FedMarkets
from investbot.bootstrap.home import Home
from investbot.config.fleet import load_fleet
from investbot.domain.errors import ConfigError
from investbot.supervisor.companions import Companion

NAME = "feed"


def feed_companion(home: Home) -> Companion:
    """Describe the feed of `home`."""
    markets = FedMarkets(home)

    def wanted() -> bool:
        try:
            told = load_fleet(home.path).feed
        except ConfigError:
            return False  # whoever reads that file next says what is wrong with it
        return told.enabled and (bool(told.pulls) or markets.any())

    return Companion(NAME, ("-m", "investbot.bootstrap.feed"), wanted=wanted)
