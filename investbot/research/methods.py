"""What single methods say of a chart: Wyckoff's events, Elliott's counts, the regime, chart patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.elliott.counts import Elliott
from investbot.analysis.findings import Side
from investbot.analysis.patterns.chart import ChartPatterns
from investbot.analysis.regime import Regime, Regimes
from investbot.analysis.wyckoff.schematics import Wyckoff
from investbot.domain.times import rfc3339

LAST = 12
"""Events that are told of each kind."""
RECENT = 300
"""Bars over which the regimes are shared out."""


def wyckoff(bars: Bars) -> dict[str, Any]:
    """The last events of both schematics."""
    events = Wyckoff().over(bars)
    rows = [
        {
            "at": rfc3339(event.known_at),
            "schematic": event.schematic.value,
            "event": event.name.value,
            "phase": event.phase.value,
            "price": f"{event.price:.10g}",
            "volume": round(event.volume_ratio, 2),
            "confidence": round(event.confidence, 3),
        }
        for event in events[-LAST:]
    ]
    last = rows[-1] if rows else None
    said = f"{last['schematic']}, {last['event']} in phase {last['phase']} at {last['price']}." if last else "No range."
    return {"summary": said, "rows": rows}


def elliott(bars: Bars) -> dict[str, Any]:
    """The candidate counts of the last turns."""
    counts = Elliott().over(bars)
    rows = [
        {
            "form": count.form.value,
            "wave": count.wave,
            "score": round(count.score, 3),
            "expects": "rise" if count.expects is Side.HIGH else "fall",
            "invalidation": f"{count.invalidation:.10g}",
            "target": f"{count.target:.10g}",
            "wrong_already": bool((float(bars.close[-1]) - count.invalidation) * count.expects < 0.0),
        }
        for count in (counts[-1].candidates if counts else ())
    ]
    best = rows[0] if rows else None
    said = f"{best['form']} in wave {best['wave'] or 'end'}, score {best['score']}." if best else "No count."
    return {"summary": said, "rows": rows}


def regime(bars: Bars) -> dict[str, Any]:
    """The regime of the last bar and its measures, and how the last bars were shared out."""
    regimes = Regimes()
    lines = dict(zip(regimes.lines, regimes.over(bars), strict=True))
    now = float(lines["regime"][-1])
    word = "unknown" if np.isnan(now) else Regime(int(now)).name.lower()
    measures = {name: _last(column) for name, column in lines.items() if name != "regime"}
    recent = lines["regime"][-RECENT:]
    rows = [{"regime": regime.name.lower(), "part": round(float(np.mean(recent == regime)), 4)} for regime in Regime]
    return {"summary": f"{word}.", "regime": word, "measures": measures, "rows": rows}


def patterns(bars: Bars) -> dict[str, Any]:
    """The last chart patterns that a close confirmed."""
    rows = [
        {
            "at": rfc3339(found.known_at),
            "pattern": found.shape.value,
            "points": "up" if found.side is Side.HIGH else "down",
            "level": f"{found.level:.10g}",
            "target": f"{found.target:.10g}",
            "invalidation": f"{found.invalidation:.10g}",
        }
        for found in ChartPatterns().over(bars)[-LAST:]
    ]
    last = rows[-1] if rows else None
    said = f"{last['pattern']} at {last['at']}, aims at {last['target']}." if last else "No pattern."
    return {"summary": said, "rows": rows}


def _last(column: Array) -> float | None:
    return None if np.isnan(column[-1]) else round(float(column[-1]), 6)
