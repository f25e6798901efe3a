"""The seeded price path of the loopback exchange: one price a second, the same for everyone who asks.

A price is a pure function of seed, symbol and second, so candles, tickers and fills can never disagree.
Value noise on several scales: Perlin, "An image synthesizer", 1985, in one dimension.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from tests.exchange.market import Listing

STEP_MS = 1000
"""Venue milliseconds between two prices."""
SCALES = ((1, 0.00005), (15, 0.0003), (120, 0.001), (1020, 0.0035), (8640, 0.012), (90_000, 0.03))
"""Seconds between two lattice points, and the share of the price that this scale moves."""
DAY_POINTS = 86_400
MINUTE_POINTS = 60
HOUR_POINTS = 3_600
KEPT_DAYS, KEPT_HOURS = 600, 24
_ALL = 0xFFFF_FFFF_FFFF_FFFF

Ticks = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shock:
    """From `point` on the price is moved to `factor` of itself, evenly over `points` seconds."""

    listing: str
    point: int
    factor: float
    points: int


@dataclass(frozen=True, slots=True)
class Span:
    """What happened over some seconds; prices in ticks, volume in lots."""

    opened: int
    high: int
    low: int
    close: int
    volume: int
    count: int


class PricePath:
    """Prices of every listing; `anchor` is the venue time (milliseconds) at which each path begins for this seed."""

    def __init__(self, seed: int, anchor: int = 0) -> None:
        self.seed = seed
        self.anchor = anchor // STEP_MS
        self.shocks: list[Shock] = []
        self._days: dict[tuple[str, int], tuple[Ticks, ...]] = {}
        self._hours: dict[tuple[str, int], Ticks] = {}

    def shock(self, listing: Listing, at: int, factor: float, over_ms: int = 0) -> None:
        """Move the price for good, from the second after `at` on."""
        self.shocks.append(Shock(listing.id, at // STEP_MS + 1, factor, max(1, over_ms // STEP_MS)))
        self._days.clear()
        self._hours.clear()

    def price(self, listing: Listing, at: int) -> Decimal:
        """Tell the price at a moment."""
        point = at // STEP_MS
        key = (listing.id, point // HOUR_POINTS)
        if key not in self._hours:
            if len(self._hours) >= KEPT_HOURS:
                del self._hours[next(iter(self._hours))]
            self._hours[key] = self.ticks(listing, key[1] * HOUR_POINTS, (key[1] + 1) * HOUR_POINTS)
        return int(self._hours[key][point % HOUR_POINTS]) * Decimal(listing.tick)

    def ticks(self, listing: Listing, first: int, end: int) -> Ticks:
        """Tell the prices of the seconds `first` to `end - 1`, in ticks."""
        points = np.arange(first, end, dtype=np.int64)
        moved = np.ones(len(points))
        salt = zlib.crc32(listing.id.encode()) ^ (self.seed << 8)
        for scale, share in SCALES:
            moved += share * _noise(points - self.anchor, scale, salt + scale)
        for shock in self.shocks:
            if shock.listing == listing.id:
                moved *= shock.factor ** np.clip((points - shock.point + 1) / shock.points, 0, 1)
        return np.maximum(np.rint(listing.price * moved / float(listing.tick)), 1).astype(np.int64)

    def volumes(self, listing: Listing, first: int, end: int) -> Ticks:
        """Tell what others traded in each second, in lots."""
        most = max(1, int(8_000 / listing.price / float(listing.lot)))
        points = np.arange(first, end, dtype=np.int64)
        return (1 + (_hash(points - self.anchor, self.seed + 77) % np.uint64(most))).astype(np.int64)

    def span(self, listing: Listing, first: int, end: int) -> Span:
        """Sum up the seconds `first` to `end - 1`; `first` opens a minute where there is more than one minute."""
        whole_end = end - end % MINUTE_POINTS
        if first % MINUTE_POINTS or whole_end <= first:
            return _summed(self.ticks(listing, first, end), self.volumes(listing, first, end))
        parts = [self._minutes(listing, first, whole_end)]
        if whole_end < end:
            rest, lots = self.ticks(listing, whole_end, end), self.volumes(listing, whole_end, end)
            parts.append(_summed(rest, lots))
        return Span(
            parts[0].opened,
            max(part.high for part in parts),
            min(part.low for part in parts),
            parts[-1].close,
            sum(part.volume for part in parts),
            sum(part.count for part in parts),
        )

    def _minutes(self, listing: Listing, first: int, end: int) -> Span:
        opened, high, low, close, volume = (
            np.concatenate(column)
            for column in zip(
                *(
                    self._cut(listing, day, first, end)
                    for day in range(first // DAY_POINTS, (end - 1) // DAY_POINTS + 1)
                ),
                strict=True,
            )
        )
        return Span(int(opened[0]), int(high.max()), int(low.min()), int(close[-1]), int(volume.sum()), end - first)

    def _cut(self, listing: Listing, day: int, first: int, end: int) -> tuple[Ticks, ...]:
        start = day * DAY_POINTS
        one = max(0, (first - start) // MINUTE_POINTS)
        two = min(DAY_POINTS, end - start) // MINUTE_POINTS
        return tuple(column[one:two] for column in self._day(listing, day))

    def _day(self, listing: Listing, day: int) -> tuple[Ticks, ...]:
        key = (listing.id, day)
        if key not in self._days:
            if len(self._days) >= KEPT_DAYS:
                del self._days[next(iter(self._days))]
            shape = (-1, MINUTE_POINTS)
            ticks = self.ticks(listing, day * DAY_POINTS, (day + 1) * DAY_POINTS).reshape(shape)
            lots = self.volumes(listing, day * DAY_POINTS, (day + 1) * DAY_POINTS).reshape(shape)
            self._days[key] = (ticks[:, 0], ticks.max(axis=1), ticks.min(axis=1), ticks[:, -1], lots.sum(axis=1))
        return self._days[key]


def scatter(*words: int | str) -> int:
    """Make a number of 64 bits out of some words, the same in every run."""
    state = 0
    for word in words:
        state ^= zlib.crc32(word.encode()) if isinstance(word, str) else word
        state = (state * 0x9E37_79B9_7F4A_7C15 + 0x632B_E59B_D9B4_E019) & _ALL
        state = ((state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9) & _ALL
        state = ((state ^ (state >> 27)) * 0x94D0_49BB_1331_11EB) & _ALL
        state ^= state >> 31
    return state


def _summed(ticks: Ticks, lots: Ticks) -> Span:
    return Span(int(ticks[0]), int(ticks.max()), int(ticks.min()), int(ticks[-1]), int(lots.sum()), len(ticks))


def _noise(points: Ticks, scale: int, salt: int) -> NDArray[np.float64]:
    """Smooth noise between -1 and 1 with a free value at each multiple of `scale`."""
    cell, along = points // scale, (points % scale) / scale
    left, right = _unit(cell, salt), _unit(cell + 1, salt)
    smooth: NDArray[np.float64] = left + (right - left) * along * along * (3 - 2 * along)
    return smooth


def _unit(cells: Ticks, salt: int) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = (_hash(cells, salt) >> np.uint64(11)).astype(np.float64) / 2**52 - 1
    return unit


def _hash(values: Ticks, salt: int) -> Hashes:
    """Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: the mixer of SplitMix64."""
    start = np.uint64((salt * 0x9E37_79B9_7F4A_7C15 + 0x632B_E59B_D9B4_E019) & _ALL)
    mixed: Hashes = values.astype(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + start
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return mixed ^ (mixed >> np.uint64(31))
