"""Prices of the loopback exchange: a function of symbol and time, so that every run sees the same market."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True)
class Listing:
    """One market as the exchange lists it."""

    base: str
    quote: str
    price: float
    tick: str
    lot: str
    min_notional: str

    @property
    def id(self) -> str:
        return self.base + self.quote

    @property
    def symbol(self) -> str:
        return f"{self.base}/{self.quote}"


LISTINGS = (
    Listing("BTC", "USDT", 60_000.0, "0.01", "0.00001", "5"),
    Listing("ETH", "USDT", 3_000.0, "0.01", "0.0001", "5"),
    Listing("PEPE", "USDT", 0.00001, "0.00000001", "1", "1"),
)


def length(interval: str) -> int:
    """Read a bar's length in milliseconds."""
    return int(interval[:-1]) * UNITS[interval[-1]]


def price(listing: Listing, at: int) -> float:
    """Tell the price at a moment: slow and fast waves, so that trends and pullbacks come by."""
    minutes = at / 60_000
    wave = 0.03 * math.sin(minutes / 301) + 0.012 * math.sin(minutes / 37) + 0.004 * math.sin(minutes * 1.7)
    return listing.price * (1 + wave + 0.002 * math.sin(minutes * 3.9 + len(listing.base)))


def kline(listing: Listing, opened_at: int, interval: str) -> list[str | int]:
    """Make one row as Binance writes it."""
    step = length(interval)
    path = [price(listing, opened_at + step * part // 8) for part in range(9)]
    opened, high, low, close = (_on_tick(value, listing.tick) for value in (path[0], max(path), min(path), path[-1]))
    volume = f"{10 + 5 * math.sin(opened_at / 1e6):.5f}"
    return [opened_at, opened, high, low, close, volume, opened_at + step - 1, "0", 1, "0", "0", "0"]


def _on_tick(value: float, tick: str) -> str:
    return format(Decimal(round(value / float(tick))) * Decimal(tick), "f")
