"""The way from an instance to the feed of its host, which follows public candles once for everybody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from investbot.domain.market import Candle, Instrument, Millis
from investbot.ports.prices import HearPrice


class CandleFeed(Protocol):
    """One instance's subscription; nothing here waits for a feed that is not there."""

    @property
    def up(self) -> bool:
        """Tell whether a feed serves every symbol now."""
        ...

    @property
    def trouble(self) -> str:
        """Why the feed itself has no news of the venue now; empty when all is well, or no feed is there."""
        ...

    @property
    def tells_prices(self) -> bool:
        """Tell whether the feed takes wishes for prices; False once it has refused one, until it comes again."""
        ...

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """See `ports.prices.Prices`; a feed that comes back is told again what is wanted."""
        ...

    async def open(self, symbols: Sequence[str], woken: Callable[[], None]) -> Mapping[str, Instrument] | None:
        """Dial once and go on dialling; give the instruments, or None where no feed can serve now.

        `woken` is called whenever there is news: a candle, a feed that came or went. DataError, ConfigError where the
        venue of the feed has no such market.
        """
        ...

    def first_at(self, symbol: str) -> Millis:
        """The opening time from which on the feed has every candle of a symbol; milliseconds UTC."""
        ...

    async def candles(self, symbol: str, since: Millis) -> Sequence[Candle] | None:
        """Give the candles that opened at or after `since`, oldest first and whole; None when the feed is gone."""
        ...

    def now(self) -> Millis | None:
        """The venue's time in milliseconds UTC as the feed tells it, also after it has gone; None before it was up."""
        ...

    def health(self) -> Mapping[str, str]:
        """Short facts for the operator, no secrets."""
        ...

    async def close(self) -> None:
        """Hang up; safe to call twice."""
        ...
