"""Results by kind: what each set-up, symbol or way out has earned, net of every cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

_RATIO = Decimal("0.0001")
NONE = "(none)"
"""What a round trip without a set-up is filed under, as those of older programs are."""


def results_by(key: str, trips: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum up round trips by what stands under `key`, those with most trips first; money and ratios as decimal text.

    `win_rate` is the share that earned something, `mean_r` the mean result in units of the planned risk, `net_pnl` and
    `costs` in quote, `profit_factor` gains over losses (None without a loss).
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for trip in trips:
        groups.setdefault(str(trip[key]) or NONE, []).append(trip)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [{key: name, **_result(found)} for name, found in ordered]


def _result(trips: list[Mapping[str, Any]]) -> dict[str, Any]:
    results = [Decimal(trip["net_pnl"]) for trip in trips]
    gains = sum((result for result in results if result > 0), Decimal(0))
    losses = -sum((result for result in results if result < 0), Decimal(0))
    mean_r = sum((Decimal(trip["r"]) for trip in trips), Decimal(0)) / len(trips)
    return {
        "trips": len(trips),
        "win_rate": _text(Decimal(sum(result > 0 for result in results)) / len(trips)),
        "mean_r": _text(mean_r),
        "net_pnl": format(sum(results, Decimal(0)), "f"),
        "costs": format(sum((Decimal(trip["costs"]) for trip in trips), Decimal(0)), "f"),
        "profit_factor": _text(gains / losses) if losses else None,
    }


def _text(value: Decimal) -> str:
    return format(value.quantize(_RATIO), "f")
