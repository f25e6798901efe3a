"""How long anything was held without an order that would sell it, by the exchange's own record of every change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from scripts.chaos_run.truth import OPEN, Book

DUST = Decimal(5)
"""What cannot be sold, and so not be protected either: the exchange's least notional, in quote."""
FEE = Decimal("0.001")


@dataclass(frozen=True)
class Gap:
    """A plan held `quantity` (base) more than its stops would sell, from `wall` (monotonic) on, for `seconds`."""

    name: str
    plan_id: str
    quantity: Decimal
    wall: float
    seconds: float


@dataclass(frozen=True)
class _Change:
    wall: float
    row: Mapping[str, Any]
    status: str
    executed: Decimal


def gaps(books: Sequence[Book], truth: Mapping[str, Any], now: float) -> list[Gap]:
    """Find every stretch in which a plan was not covered, up to `now` (seconds, monotonic), longest first."""
    plans: dict[tuple[str, str], list[_Change]] = defaultdict(list)
    for row in truth["orders"]:
        for book in books:
            order = book.orders.get(row["clientOrderId"])
            if order is not None:
                plans[book.name, order.plan_id] += [
                    _Change(wall, row, status, Decimal(executed)) for wall, _, status, executed in row["history"]
                ]
    found = [gap for plan, changes in plans.items() for gap in _of_plan(plan, changes, now)]
    return sorted(found, key=lambda gap: -gap.seconds)


def _of_plan(plan: tuple[str, str], changes: list[_Change], now: float) -> list[Gap]:
    changes.sort(key=lambda change: change.wall)
    latest: dict[int, _Change] = {}
    found: list[Gap] = []
    since: float | None = None
    worst = Decimal(0)
    for wall, group in groupby(changes, key=lambda change: change.wall):
        latest.update({change.row["orderId"]: change for change in group})
        bare = _bare(list(latest.values()))
        if bare and since is None:
            since, worst = wall, bare
        elif bare:
            worst = max(worst, bare)
        elif since is not None:
            found.append(Gap(*plan, worst, since, wall - since))
            since = None
    if since is not None:
        found.append(Gap(*plan, worst, since, now - since))
    return found


def _bare(orders: Sequence[_Change]) -> Decimal:
    """Give the quantity (base) that is held and that no open stop or sale covers; 0 where it is dust."""
    held = covered = price = Decimal(0)
    for change in orders:
        row = change.row
        if row["side"] == "BUY":
            held += change.executed * (1 - FEE)
            price = max(price, Decimal(row["price"]))
        else:
            held -= change.executed
            # Buys to open never rest and sales at a limit are no protection unless they are on their way out.
            if change.status in OPEN:
                covered += Decimal(row["origQty"]) - change.executed
    bare = held - covered
    return bare if bare * price >= DUST else Decimal(0)
