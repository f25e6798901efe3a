"""Reads a chart once, at its last bar: what `investbot analyze` tells, with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from investbot.analysis.analyser import Bars, columns_of
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.structure.breaks import Trend, alignment
from investbot.analysis.structure.flow import Flow, OrderFlow
from investbot.analysis.structure.levels import PreviousExtremes, RoundPrices
from investbot.analysis.structure.liquidity import Liquidity, State
from investbot.analysis.structure.premium import DealingRange
from investbot.analysis.structure.sessions import Sessions
from investbot.domain.errors import DataError
from investbot.domain.market import Candle, Timeframe
from investbot.domain.reading import Bias
from investbot.domain.times import rfc3339
from investbot.research import methods
from investbot.strategies.series import Series
from investbot.strategies.smc_confluence import SmcConfluence

LEAST = 300
"""Bars that a chart needs before anything is said about it."""
LONGER: Final = (1, 4, 12, 48)
"""Timeframes whose trends make the bias, in lengths of the chart's own."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The candles of one symbol, oldest first, and the same as columns."""

    symbol: str
    timeframe: Timeframe
    candles: Sequence[Candle]
    bars: Bars

    @property
    def price(self) -> float:
        """The last close, in quote per base."""
        return float(self.bars.close[-1])

    @property
    def atr(self) -> float:
        """ATR(14) at the last bar, in quote per base."""
        return float(Atr(14).over(self.bars)[-1])


def chart(symbol: str, timeframe: Timeframe, candles: Sequence[Candle]) -> Chart:
    """Take the candles of a symbol; DataError when there are too few to say anything."""
    if len(candles) < LEAST:
        raise DataError(f"{symbol} has {len(candles)} candles of {timeframe.text}, and reading a chart needs {LEAST}.")
    return Chart(symbol, timeframe, candles, columns_of(candles))


def told(what: str, of: Chart) -> dict[str, Any]:
    """Give one reading as an object: where and when, `summary` in one sentence, `rows` of what it is made of."""
    head = {
        "what": what,
        "symbol": of.symbol,
        "timeframe": of.timeframe.text,
        "at": rfc3339(int(of.bars.closed_at[-1])),
        "price": f"{of.price:.10g}",
    }
    return {**head, **READINGS[what](of)}


def longer(bars: Bars, length: int) -> Bars:
    """Join bars into longer ones of `length` milliseconds, counted from the epoch; the last only when it is over."""
    groups = (bars.closed_at - 1) // length
    starts = np.flatnonzero(np.diff(groups, prepend=np.iinfo(np.int64).min))
    ends = np.append(starts[1:], bars.size) - 1
    whole = bars.closed_at[ends] % length == 0
    whole[:-1] = True
    joined = Bars(
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
        (groups[starts] + 1) * length,
    )
    return Bars(*(column[whole] for column in joined))


def _bias(of: Chart) -> dict[str, Any]:
    """The trend of several timeframes, and where liquidity draws the price."""
    trends, rows = [], []
    for times in LONGER:
        bars = of.bars if times == 1 else longer(of.bars, times * of.timeframe.ms)
        trend = float(Trend(3).over(bars)[-1]) if bars.size else float("nan")
        trends.append(trend)
        word = {1.0: "rising", -1.0: "falling"}.get(trend, "unknown")
        rows.append({"timeframe": _text(times * of.timeframe.ms), "trend": word, "bars": bars.size})
    score = alignment(trends)
    word = "bullish" if score > 0.2 else "bearish" if score < -0.2 else "neutral"
    above, below = _resting(of)
    draw = (above if score >= 0 else below)[:1]
    towards = f", drawn to the {draw[0]['source']} at {draw[0]['level']}" if draw else ""
    day_high, day_low, week_high, week_low = (float(line[-1]) for line in PreviousExtremes().over(of.bars))
    levels = {"day_high": day_high, "day_low": day_low, "week_high": week_high, "week_low": week_low}
    return {
        "summary": f"{word}, alignment {score:+.2f}{towards}.",
        "bias": word,
        "alignment": round(score, 4),
        "previous": {name: None if np.isnan(level) else f"{level:.10g}" for name, level in levels.items()},
        "rows": rows,
    }


def _resting(of: Chart) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The pools that rest above the price and below it, the nearest first."""
    state: dict[tuple[Side, str, float], Any] = {}
    for pool in Liquidity().over(of.bars):
        state[pool.side, pool.source, pool.level] = pool
    rows = [
        {
            "side": pool.side.name.lower(),
            "source": pool.source,
            "level": f"{pool.level:.10g}",
            "touches": pool.touches,
            "distance": round(pool.level / of.price - 1.0, 6),
            "since": rfc3339(pool.known_at),
        }
        for pool in state.values()
        if pool.state is State.RESTING
    ]
    rows.sort(key=lambda row: abs(row["distance"]))
    return [row for row in rows if row["side"] == "high"], [row for row in rows if row["side"] == "low"]


def _levels(of: Chart) -> dict[str, Any]:
    """Where orders rest: pools, sessions, round prices."""
    above, below = _resting(of)
    under, over = (float(line[-1]) for line in RoundPrices().over(of.bars))
    sessions = [
        {
            "session": each.session.value,
            "high": f"{each.high:.10g}",
            "low": f"{each.low:.10g}",
            "range": round(each.width, 6),
            "change": round(each.change, 6),
            "signed_volume": round(each.signed_volume, 8),
            "ended_at": rfc3339(each.ends_at),
        }
        for each in Sessions().over(of.bars)[-3:]
    ]
    return {
        "summary": f"{len(above)} pools rest above, {len(below)} below; round prices {under:.10g} and {over:.10g}.",
        "sessions": sessions,
        "round": [f"{under:.10g}", f"{over:.10g}"],
        "rows": [*above[: methods.LAST], *below[: methods.LAST]],
    }


def _flow(of: Chart) -> dict[str, Any]:
    """The state of the order flow, and the steps that led to it."""
    steps = OrderFlow().over(of.bars)
    state = steps[-1].after if steps else Flow.UNKNOWN
    since = f" since {rfc3339(steps[-1].known_at)}: {steps[-1].reason}" if steps else ""
    rows = [
        {
            "at": rfc3339(step.known_at),
            "before": step.before.name.lower(),
            "after": step.after.name.lower(),
            "side": "" if step.side is None else step.side.name.lower(),
            "reason": step.reason,
        }
        for step in steps[-methods.LAST :]
    ]
    return {"summary": f"{state.name.lower()}{since}.", "state": state.name.lower(), "rows": rows}


def _confluence(of: Chart) -> dict[str, Any]:
    """Every factor of `smc_confluence` at the last bar, with its tier, weight and points."""
    strategy = SmcConfluence()
    series = Series.of(strategy, of.symbol, of.timeframe, None)
    for candle in of.candles:
        series.update(candle)
    weighed = strategy.weighed(series.view)
    rows = [
        {
            "factor": part.factor.name,
            "tier": part.factor.tier,
            "weight": part.factor.weighs,
            "points": round(part.points, 2),
            "bias": "" if part.reading is None else part.reading.bias.value,
            "evidence": "" if part.reading is None else part.reading.evidence,
        }
        for part in weighed.parts
    ]
    return {
        "summary": f"{weighed.bias.value}, {weighed.score:.0f} of 100.",
        "bias": weighed.bias.value,
        "score": round(weighed.score, 2),
        "rows": rows,
    }


def _setup(of: Chart) -> dict[str, Any]:
    """What could be traded now: the confluence with a stop and a target by structure."""
    weighed = _confluence(of)
    above, below = _resting(of)
    up = weighed["bias"] == Bias.BULLISH.value
    ahead, behind = (above, below) if up else (below, above)
    target = float(ahead[0]["level"]) if ahead else None
    stop = float(behind[0]["level"]) - (0.25 if up else -0.25) * of.atr if behind else None
    ratio = None
    if target is not None and stop is not None and of.price != stop:
        ratio = round(abs(target - of.price) / abs(of.price - stop), 2)
    position = float(DealingRange().over(of.bars)[2][-1])
    return {
        **weighed,
        "stop": None if stop is None else f"{stop:.10g}",
        "target": None if target is None else f"{target:.10g}",
        "reward_risk": ratio,
        "position": None if np.isnan(position) else round(position, 4),
    }


def _text(length: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if length % size == 0:
            return f"{length // size}{unit}"
    return f"{length // 1000}s"


READINGS: Mapping[str, Callable[[Chart], dict[str, Any]]] = {
    "bias": _bias,
    "levels": _levels,
    "setup": _setup,
    "flow": _flow,
    "confluence": _confluence,
    "wyckoff": lambda of: methods.wyckoff(of.bars),
    "elliott": lambda of: methods.elliott(of.bars),
    "regime": lambda of: methods.regime(of.bars),
    "patterns": lambda of: methods.patterns(of.bars),
}
"""What can be read, by the name of its command."""
