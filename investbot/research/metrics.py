"""What a run came to, from its events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from investbot.domain import events as e
from investbot.domain.order import Role
from investbot.domain.position import RoundTrip
from investbot.domain.signal import Direction

ZERO = Decimal(0)
_RATIO = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Results of a run net of all costs: money in quote, ratios as fractions, None where undefined.

    `max_drawdown` is the deepest fall of equity after a round trip below the highest before it (Magdon-Ismail and
    Atiya, Maximum Drawdown, 2004), `average_r` the mean of net result over planned risk, `denied` counts by limit.
    """

    trips: int
    net_pnl: Decimal
    net_return: Decimal
    win_rate: Decimal | None
    profit_factor: Decimal | None
    average_r: Decimal | None
    max_drawdown: Decimal
    costs: Decimal
    gapped: int
    signals: int
    entries: int
    entries_unfilled: int
    denied: dict[str, int]
    exits: dict[str, int]


def measure(events: Iterable[e.Event], capital: Decimal) -> Metrics:
    """Sum up `events` of one instance that began with `capital` (quote)."""
    trips: list[RoundTrip] = []
    denied: Counter[str] = Counter()
    signals = entries = 0
    filled_plans: set[str] = set()
    for event in events:
        match event:
            case e.PositionClosed():
                trips.append(event.trip)
            case e.IntentDenied():
                denied[event.limit] += 1
            case e.SignalRaised():
                signals += event.direction is Direction.LONG
            case e.OrderPlaced():
                entries += event.order.role is Role.ENTRY
            case e.PositionOpened():
                filled_plans.add(event.plan_id)
            case _:
                pass
    net = sum((trip.net_pnl for trip in trips), ZERO)
    wins = [trip.net_pnl for trip in trips if trip.net_pnl > 0]
    losses = [-trip.net_pnl for trip in trips if trip.net_pnl <= 0]
    return Metrics(
        trips=len(trips),
        net_pnl=net,
        net_return=(net / capital).quantize(_RATIO),
        win_rate=_ratio(Decimal(len(wins)), Decimal(len(trips))),
        profit_factor=_ratio(sum(wins, ZERO), sum(losses, ZERO)),
        average_r=_ratio(sum((trip.r for trip in trips), ZERO), Decimal(len(trips))),
        max_drawdown=_max_drawdown(capital, trips),
        costs=sum((trip.costs for trip in trips), ZERO),
        gapped=sum(trip.gapped for trip in trips),
        signals=signals,
        entries=entries,
        entries_unfilled=entries - len(filled_plans),
        denied=dict(denied.most_common()),
        exits=dict(Counter(trip.exit_reason for trip in trips).most_common()),
    )


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(_RATIO) if whole else None


def _max_drawdown(capital: Decimal, trips: Iterable[RoundTrip]) -> Decimal:
    equity = peak = capital
    deepest = ZERO
    for trip in trips:
        equity += trip.net_pnl
        peak = max(peak, equity)
        deepest = max(deepest, (peak - equity) / peak)
    return deepest.quantize(_RATIO)
