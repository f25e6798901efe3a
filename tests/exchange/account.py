"""Balances of one account, to the last digit, and how they were at any moment of the wall's clock."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from decimal import Decimal

from tests.exchange.values import NOUGHT, Refusal

KEPT_S = 120.0
"""How long old balances are kept for lagging readers, seconds."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is free and what rests in orders, in units of the currency."""

    free: Decimal = NOUGHT
    locked: Decimal = NOUGHT


Holdings = dict[str, Holding]


class Account:
    """One customer's money."""

    def __init__(self, name: str, deposits: dict[str, Decimal]) -> None:
        self.name = name
        self.deposits = dict(deposits)
        self.changed_at = 0
        self._now: Holdings = {asset: Holding(amount) for asset, amount in deposits.items()}
        self._touched: set[str] = set()
        self._stamps: list[float] = [float("-inf")]
        self._versions: list[Holdings] = [dict(self._now)]

    def holding(self, asset: str) -> Holding:
        """Tell what there is of one currency now."""
        return self._now.get(asset, Holding())

    def holdings(self, as_of: float = float("inf")) -> Holdings:
        """Tell all balances as they were at a moment of the wall's clock (seconds, monotonic)."""
        return self._versions[max(0, bisect_right(self._stamps, as_of) - 1)]

    def lock(self, asset: str, amount: Decimal) -> None:
        """Set money aside for an order; Refusal -2010 when there is not enough."""
        held = self.holding(asset)
        if held.free < amount:
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        self._put(asset, Holding(held.free - amount, held.locked + amount))

    def release(self, asset: str, amount: Decimal) -> None:
        """Give locked money back."""
        held = self.holding(asset)
        self._put(asset, Holding(held.free + amount, held.locked - amount))

    def pay(self, asset: str, amount: Decimal, released: Decimal) -> None:
        """Spend, first unlocking what was set aside for it."""
        held = self.holding(asset)
        self._put(asset, Holding(held.free + released - amount, held.locked - released))

    def receive(self, asset: str, amount: Decimal) -> None:
        """Add to what is free."""
        held = self.holding(asset)
        self._put(asset, replace(held, free=held.free + amount))

    def touched(self) -> set[str]:
        """Tell the currencies changed since the last `commit`."""
        return self._touched

    def commit(self, wall: float, at: int) -> None:
        """End one change: readers see it from `wall` on (seconds, monotonic); `at` is venue time."""
        self._touched = set()
        self.changed_at = at
        self._stamps.append(wall)
        self._versions.append(dict(self._now))
        stale = bisect_right(self._stamps, wall - KEPT_S) - 1
        if stale > 100:
            del self._stamps[:stale], self._versions[:stale]

    def _put(self, asset: str, holding: Holding) -> None:
        if holding.free < 0 or holding.locked < 0:
            raise AssertionError(f"{self.name} would hold {holding} of {asset}")
        self._now[asset] = holding
        self._touched.add(asset)
