"""What rests in the book: made out of the price path, thinner by what was taken in the same second."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tests.exchange.market import Listing
from tests.exchange.path import STEP_MS, PricePath, scatter
from tests.exchange.values import VenueRules

LEVELS = 24


@dataclass(slots=True)
class Level:
    """What is left at one price."""

    price: Decimal
    left: Decimal


@dataclass(slots=True)
class _Side:
    """One side of a book in one second; what was taken from it is gone."""

    at: int
    levels: list[Level] = field(default_factory=list)


class Book:
    """Both sides of every market."""

    def __init__(self, path: PricePath, rules: VenueRules) -> None:
        self._path = path
        self._rules = rules
        self._sides: dict[tuple[str, str], _Side] = {}

    def levels(self, listing: Listing, side: str, at: int) -> list[Level]:
        """What an order of `side` (BUY, SELL) meets in this second, less what others already took in it."""
        key = (listing.id, "ask" if side == "BUY" else "bid")
        known = self._sides.get(key)
        if known is None or known.at != at // STEP_MS:
            rows = ladder(self._path, listing, at, key[1], self._rules)
            known = self._sides[key] = _Side(at // STEP_MS, [Level(price, left) for price, left in rows])
        return known.levels


def ladder(path: PricePath, listing: Listing, at: int, side: str, rules: VenueRules) -> list[tuple[Decimal, Decimal]]:
    """What rests on one side of the book: (price, quantity), best first; deterministic, and thicker further out.

    `side` is "ask" for what a buyer meets, "bid" for what a seller meets.
    """
    tick, lot = Decimal(listing.tick), Decimal(listing.lot)
    last = path.price(listing, at)
    gap = max(tick, (last / 10_000) // tick * tick)
    sign = 1 if side == "ask" else -1
    levels = []
    for level in range(LEVELS):
        price = last + sign * (tick + gap * level)
        if price <= 0:
            break
        spread = scatter(path.seed, listing.id, side, at // STEP_MS - path.anchor, level) % 1000
        worth = rules.depth * (500 + spread) / 1000 * Decimal("1.6") ** level
        levels.append((price, max(lot, worth / price // lot * lot)))
    return levels
