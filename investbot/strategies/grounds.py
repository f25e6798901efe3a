"""What an opinion rests on, as it is written down with it: the parts it was weighed from and the prices it leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from investbot.analysis.confluence import Confluence
from investbot.analysis.structure.breaks import Break
from investbot.analysis.structure.gaps import Gap
from investbot.analysis.structure.liquidity import Pool, State
from investbot.domain.reading import Bias, Reading
from investbot.domain.signal import SignalLevel, SignalPart
from investbot.strategies.api import MarketView

_SESSIONS = {"Asia": "asia", "London": "london", "New York": "new_york"}
_NEWEST = 8
_POINTS = {Bias.BULLISH: 100.0, Bias.BEARISH: -100.0, Bias.NEUTRAL: 0.0}


def weighed_parts(confluence: Confluence) -> tuple[SignalPart, ...]:
    """Give every factor that found something, with its points of -100 to 100."""
    return tuple(
        SignalPart(part.factor.name, part.points, part.reading.evidence)
        for part in confluence.parts
        if part.reading is not None
    )


def method_parts(readings: Sequence[Reading | None]) -> tuple[SignalPart, ...]:
    """Give what each method said: its strength as points of -100 to 100."""
    said = (reading for reading in readings if reading is not None)
    return tuple(SignalPart(each.source, _POINTS[each.bias] * each.strength, each.evidence) for each in said)


def structure_setup(view: MarketView) -> str:
    """Name what became known at this bar: a swept pool, a broken structure, a gap, or several."""
    named = (("pools", "sweep"), ("breaks", "break"), ("gaps", "gap"))
    return "+".join(name for finder, name in named if _new(view, finder))


def structure_levels(view: MarketView) -> tuple[SignalLevel, ...]:
    """Give the newest pools, breaks and gaps as levels, the newest first; the strength of a pool is its touches.

    strength = 1 - 1 / (touches + 1) for pools of equal swings and 0.75 for those of sessions, days and weeks.
    """
    pools = cast("Sequence[Pool]", view.found["pools"])[-_NEWEST:]
    levels = []
    for pool in reversed(pools):
        strength = 1.0 - 1.0 / (pool.touches + 1) if pool.source == "equal" else 0.75
        kind = f"{pool.source} {pool.side.name.lower()} {pool.state.value}"
        levels.append(SignalLevel(kind, pool.level, strength, _SESSIONS.get(pool.source, "")))
        if pool.state is State.SWEPT:
            levels.append(SignalLevel("extreme of a sweep", pool.extreme, 1.0, _SESSIONS.get(pool.source, "")))
    breaks = cast("Sequence[Break]", view.found["breaks"])[-1:]
    levels += [SignalLevel(each.kind.value, each.level) for each in breaks]
    for gap in cast("Sequence[Gap]", view.found["gaps"])[-1:]:
        levels += [SignalLevel("gap bottom", gap.bottom), SignalLevel("gap top", gap.top)]
    return tuple(levels)


def _new(view: MarketView, finder: str) -> bool:
    findings = view.found[finder]
    return bool(findings) and findings[-1].known_at == view.closed_at
