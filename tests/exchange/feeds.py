"""Market streams: candles that close one after the other without a hole, tickers, the best of the book."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from tests.exchange.bars import day, kline, listed
from tests.exchange.book import ladder
from tests.exchange.core import Core
from tests.exchange.market import Listing, length
from tests.exchange.path import STEP_MS
from tests.exchange.sockets import Socket, Troubles
from tests.exchange.values import Refusal, text

CADENCE_S = 0.05
"""Seconds between two messages of one stream, but for the close of a candle, which never waits."""


class Feeds:
    """Knows of every stream that somebody wants how far it was told."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.cadence_s = CADENCE_S
        self._told: dict[str, tuple[int, float]] = {}

    def publish(self, sockets: Iterable[Socket], troubles: Troubles) -> None:
        """Send each wanted stream's news."""
        listeners: dict[str, list[Socket]] = {}
        for socket in sockets:
            for name in socket.streams:
                listeners.setdefault(name, []).append(socket)
        for name in [name for name in self._told if name not in listeners]:
            del self._told[name]
        now = self._core.now()
        for name, wanting in listeners.items():
            for message in self._news(name, now):
                for socket in wanting:
                    socket.send(message, troubles)

    def _news(self, name: str, now: int) -> Iterator[dict[str, Any]]:
        market, _, kind = name.partition("@")
        try:
            listing = listed(market)
            step = length(kind.removeprefix("kline_")) if kind.startswith("kline_") else STEP_MS
        except (Refusal, ValueError, KeyError):
            return
        seen, wall = self._told.get(name, (now, 0.0))
        if kind.startswith("kline_"):
            for opened_at in range(seen - seen % step, now - now % step, step):
                self._core.closes.append({"stream": name, "opened_at": opened_at, "wall_ns": time.time_ns()})
                yield self._kline(listing, opened_at, kind.removeprefix("kline_"), now)
        if self._core.wall() - wall < self.cadence_s or now // STEP_MS == seen // STEP_MS:
            if name not in self._told or seen - seen % step < now - now % step:
                self._told[name] = (now, wall)
            return
        self._told[name] = (now, self._core.wall())
        if kind.startswith("kline_"):
            yield self._kline(listing, now - now % step, kind.removeprefix("kline_"), now)
        elif kind in {"ticker", "miniTicker"}:
            yield self._ticker(listing, now, full=kind == "ticker")
        elif kind == "bookTicker":
            yield self._best(listing, now)
        elif kind == "trade":
            yield self._trade(listing, now)

    def _kline(self, listing: Listing, opened_at: int, interval: str, now: int) -> dict[str, Any]:
        closed = opened_at + length(interval) <= now
        row = kline(self._core.path, listing, opened_at, interval, now)
        bar = dict(zip(("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B"), row, strict=True))
        bar |= {"s": listing.id, "i": interval, "f": -1, "L": -1, "x": closed}
        return {"e": "kline", "E": self._core.told_now(), "s": listing.id, "k": bar}

    def _ticker(self, listing: Listing, now: int, *, full: bool) -> dict[str, Any]:
        row = day(self._core.path, listing, now, self._core.rules)
        names = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume"}
        names["q"] = "quoteVolume"
        if full:
            names |= {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice"}
            names |= {"Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
            names |= {"O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
        event = {"e": "24hrTicker" if full else "24hrMiniTicker", "E": self._core.told_now(), "s": listing.id}
        return event | {short: row[long] for short, long in names.items()}

    def _best(self, listing: Listing, now: int) -> dict[str, Any]:
        bid, ask = (ladder(self._core.path, listing, now, side, self._core.rules)[0] for side in ("bid", "ask"))
        best = {"b": text(bid[0]), "B": text(bid[1]), "a": text(ask[0]), "A": text(ask[1])}
        return {"u": now // STEP_MS, "s": listing.id} | best

    def _trade(self, listing: Listing, now: int) -> dict[str, Any]:
        point = now // STEP_MS
        price = text(self._core.path.price(listing, now))
        traded = {"e": "trade", "E": self._core.told_now(), "s": listing.id, "t": point, "p": price, "q": listing.lot}
        return traded | {"T": point * STEP_MS, "m": bool(point % 2), "M": True}
