"""Smart money concepts: swept liquidity, broken structure, gaps and blocks, weighed into one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from investbot.analysis.candles import CandlePatterns
from investbot.analysis.confluence import Confluence, Factor, weigh
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Declared, line
from investbot.analysis.structure.blocks import Block, Mitigation, OrderBlocks
from investbot.analysis.structure.breaks import Break, Breaks, Kind, Trend
from investbot.analysis.structure.flow import Flow, FlowChange, OrderFlow
from investbot.analysis.structure.gaps import FairValueGaps, Fill, Gap
from investbot.analysis.structure.levels import RoundPrices
from investbot.analysis.structure.liquidity import Liquidity, Pool, State
from investbot.analysis.structure.premium import DealingRange
from investbot.analysis.structure.sessions import Session, open_sessions
from investbot.domain.market import MINUTE, Millis
from investbot.domain.reading import Bias, Reading
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.grounds import structure_levels, structure_setup, weighed_parts
from investbot.strategies.words import plain

_TIERS = {
    "trend": 1,
    "sweep": 1,
    "structure": 1,
    "gap": 2,
    "block": 2,
    "discount": 2,
    "flow": 2,
    "candle": 3,
    "session": 3,
    "round": 3,
    "intelligence": 3,
}
_NEAR_ROUND = 0.5
"""ATR within which a round price counts as near."""
_BUSY = {Session.LONDON, Session.NEW_YORK}


def _weight(tier: int, what: str) -> float:
    return cast("float", parameter(-1.0, f"weight of {what}; -1: that of tier {tier}, 0: off", least=-1.0, most=100.0))


@dataclass(frozen=True, slots=True)
class SmcConfluence:
    """LONG when the factors weigh at least `threshold` of 100 towards a rise, at a bar that swept, broke or left a gap.

    Tier 1 (weight 3): `trend` of the longer timeframe, or of this one without it; `sweep` of lows with the close back
    above them; `structure`: the last break by close. Tier 2 (weight 2): `gap`: the bar trades in an open fair value
    gap; `block`: in an order block that holds; `discount`: under the middle of the dealing range; `flow`: the state of
    the order flow. Tier 3 (weight 1): `candle` pattern of the bar; `session`: London or New York is open (adds to the
    side of the trend); `round` price just below; `intelligence`, where it has a weight. Each mirrors for a fall.
    Sweeps, breaks and flow count for `fresh_minutes`. The stop opinion lies `stop_atr` ATR under the lowest of swept
    low, block and range; the targets are the pools that rest above, three at most. SHORT (leave) on a change of
    character downwards, or when they weigh as much for a fall.
    """

    name: ClassVar[str] = "smc_confluence"
    description: ClassVar[str] = "Weighs liquidity, structure, gaps, blocks and order flow (ICT, TJR) into one score."

    threshold: float = parameter(50.0, "least score to buy, 0..100", least=1.0, most=100.0)
    width: int = parameter(3, "bars on both sides of a swing", least=1, most=50)
    fresh_minutes: int = parameter(240, "how long sweeps, breaks and flow count, minutes", least=1, most=100_000)
    atr: int = parameter(14, "period of ATR, bars", least=1, most=500)
    stop_atr: float = parameter(0.25, "how far under the structure the stop lies, ATR", least=0.0, most=10.0)
    weight_trend: float = _weight(1, "the trend")
    weight_sweep: float = _weight(1, "a sweep")
    weight_structure: float = _weight(1, "the last break")
    weight_gap: float = _weight(2, "a fair value gap")
    weight_block: float = _weight(2, "an order block")
    weight_discount: float = _weight(2, "premium and discount")
    weight_flow: float = _weight(2, "order flow")
    weight_candle: float = _weight(3, "a candle pattern")
    weight_session: float = _weight(3, "an open session")
    weight_round: float = _weight(3, "a round price")
    weight_intelligence: float = parameter(
        0.0, "weight of what the world outside thinks; -1: that of tier 3, 0: off", least=-1.0, most=100.0
    )

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds."""
        check_parameters(self)

    @property
    def warmup(self) -> int:
        """Bars before opinions count: ten swings' worth, or the ATR, three times."""
        return max(200, 20 * self.width, 3 * self.atr)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """What is weighed, with the weights of the profile."""
        given = {name: float(getattr(self, f"weight_{name}")) for name in _TIERS}
        return tuple(Factor(name, tier, None if given[name] < 0.0 else given[name]) for name, tier in _TIERS.items())

    def indicators(self) -> Mapping[str, Declared]:
        """The finders of structure, the dealing range, round prices, ATR and this timeframe's own trend."""
        width, dealing, rounds = self.width, DealingRange(self.width), RoundPrices()
        return {
            "pools": Liquidity(width),
            "breaks": Breaks(width),
            "gaps": FairValueGaps(),
            "blocks": OrderBlocks(width),
            "flow": OrderFlow(),
            "candles": CandlePatterns(),
            "trend": Trend(width),
            "position": line(dealing, "position"),
            "low": line(dealing, "low"),
            "below": line(rounds, "below"),
            "atr": Atr(self.atr),
        }

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """The trend of the longer timeframe."""
        return {"trend": Trend(self.width)}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above."""
        if not any(_is_new(view, name) for name in ("pools", "breaks", "gaps")):
            return None
        confluence = self.weighed(view)
        new = [each for each in cast("Sequence[Break]", view.found["breaks"]) if each.known_at == view.closed_at]
        if any(each.kind is Kind.CHARACTER and each.side is Side.LOW for each in new):
            reason = f"Structure turned down at {plain(new[-1].level)}."
            return Signal(Direction.SHORT, max(0.5, _confidence(confluence, Bias.BEARISH)), reason)
        if confluence.score < self.threshold:
            return None
        if confluence.bias is Bias.BEARISH:
            reason = f"Score {confluence.score:.0f} for a fall: {confluence.evidence}."
            return Signal(Direction.SHORT, confluence.score / 100.0, reason)
        if view.holding or not view.now["atr"] > 0.0:
            return None
        reason = f"Score {confluence.score:.0f} of 100: {confluence.evidence}."
        return Signal(
            Direction.LONG,
            confluence.score / 100.0,
            reason,
            self._stop(view),
            self._targets(view),
            structure_setup(view),
            weighed_parts(confluence),
            structure_levels(view),
        )

    def weighed(self, view: MarketView) -> Confluence:
        """Weigh everything that is seen at this bar."""
        return weigh(self.factors, self.readings(view))

    def readings(self, view: MarketView) -> dict[str, Reading]:
        """Give what each factor says at this bar; one that says nothing is left out."""
        found = {
            "trend": self._trend(view),
            "sweep": self._sweep(view),
            "structure": self._structure(view),
            "gap": _in_gap(view, cast("Sequence[Gap]", view.found["gaps"])),
            "block": _in_block(view, cast("Sequence[Block]", view.found["blocks"])),
            "discount": _discount(view),
            "flow": self._flow(view),
            "candle": _candle(view, cast("Sequence[Reading]", view.found["candles"])),
            "round": _round(view),
            "intelligence": view.outlook.reading(view.closed_at) if view.outlook is not None else None,
        }
        trend = found["trend"]
        if trend is not None and _BUSY & set(open_sessions(view.closed_at - 1)):
            found["session"] = Reading("smc.session", trend.bias, 1.0, "London or New York is open.", view.closed_at)
        return {name: reading for name, reading in found.items() if reading is not None}

    def _is_fresh(self, view: MarketView, known_at: Millis) -> bool:
        return view.closed_at - known_at <= self.fresh_minutes * MINUTE

    def _trend(self, view: MarketView) -> Reading | None:
        longer = view.confirm is not None
        trend = view.confirm.now["trend"] if view.confirm is not None else view.now["trend"]
        if trend not in {1.0, -1.0}:
            return None
        bias = Bias.BULLISH if trend > 0.0 else Bias.BEARISH
        where = "longer timeframe" if longer else "market"
        return Reading("smc.trend", bias, 1.0, f"The {where} is {bias.value} by structure.", view.closed_at)

    def _sweep(self, view: MarketView) -> Reading | None:
        for pool in reversed(cast("Sequence[Pool]", view.found["pools"])):
            if not self._is_fresh(view, pool.known_at):
                return None
            if pool.state is State.SWEPT:
                bias = Bias.BULLISH if pool.side is Side.LOW else Bias.BEARISH
                said = f"{pool.source} {pool.side.name.lower()}s at {plain(pool.level)} were swept."
                return Reading("smc.sweep", bias, 1.0, said, pool.known_at)
        return None

    def _structure(self, view: MarketView) -> Reading | None:
        breaks = cast("Sequence[Break]", view.found["breaks"])
        if not breaks or not self._is_fresh(view, breaks[-1].known_at):
            return None
        last = breaks[-1]
        bias = Bias.BULLISH if last.side is Side.HIGH else Bias.BEARISH
        strength = 1.0 if last.kind is Kind.CHARACTER else 0.8
        return Reading("smc.structure", bias, strength, f"{last.kind.value} at {plain(last.level)}.", last.known_at)

    def _flow(self, view: MarketView) -> Reading | None:
        steps = cast("Sequence[FlowChange]", view.found["flow"])
        if not steps or not self._is_fresh(view, steps[-1].known_at) or steps[-1].side is None:
            return None
        last = steps[-1]
        up = last.side is Side.HIGH
        if last.after is Flow.MANIPULATION:
            up = not up
        strengths = {Flow.EXPANSION: 0.8, Flow.RETRACEMENT: 0.6, Flow.MANIPULATION: 0.7}
        strength = strengths.get(last.after)
        if strength is None:
            return None
        bias = Bias.BULLISH if up else Bias.BEARISH
        return Reading("smc.flow", bias, strength, f"{last.after.name.lower()}: {last.reason}.", last.known_at)

    def _stop(self, view: MarketView) -> float | None:
        low = view.bar.low
        for pool in reversed(cast("Sequence[Pool]", view.found["pools"])):
            if pool.state is State.SWEPT and pool.side is Side.LOW and self._is_fresh(view, pool.known_at):
                low = min(low, pool.extreme)
                break
        stop = low - self.stop_atr * view.now["atr"]
        return stop if stop > 0.0 else None

    def _targets(self, view: MarketView) -> tuple[float, ...]:
        """The levels of pools that rest above the close, the nearest first."""
        resting: dict[tuple[str, float], bool] = {}
        for pool in cast("Sequence[Pool]", view.found["pools"]):
            if pool.side is Side.HIGH:
                resting[pool.source, pool.level] = pool.state is State.RESTING
        above = sorted({level for (_, level), rests in resting.items() if rests and level > view.bar.close})
        return tuple(above[:3])


def _is_new(view: MarketView, name: str) -> bool:
    findings = view.found[name]
    return bool(findings) and findings[-1].known_at == view.closed_at


def _confidence(confluence: Confluence, bias: Bias) -> float:
    return confluence.score / 100.0 if confluence.bias is bias else 0.0


def _in_gap(view: MarketView, gaps: Sequence[Gap]) -> Reading | None:
    """The latest gap that the bar trades in and that is not filled."""
    state: dict[tuple[Millis, float], Gap] = {}
    for gap in gaps:
        state[gap.at, gap.bottom] = gap
    for gap in reversed(state.values()):
        inside = view.bar.low <= gap.top and view.bar.high >= gap.bottom
        if gap.fill is not Fill.FILLED and gap.at < view.closed_at and inside:
            bias = Bias.BULLISH if gap.side is Side.HIGH else Bias.BEARISH
            strength = 0.7 if gap.fill is Fill.HALF else 1.0
            said = f"In a {bias.value} gap from {plain(gap.bottom)} to {plain(gap.top)}."
            return Reading("smc.gap", bias, strength, said, gap.known_at)
    return None


def _in_block(view: MarketView, blocks: Sequence[Block]) -> Reading | None:
    """The latest block that the bar trades in and that no close has broken."""
    state: dict[tuple[Millis, Side], Block] = {}
    for block in blocks:
        state[block.at, block.side] = block
    for block in reversed(state.values()):
        inside = view.bar.low <= block.top and view.bar.high >= block.bottom
        if block.state is not Mitigation.BROKEN and inside:
            bias = Bias.BULLISH if block.side is Side.HIGH else Bias.BEARISH
            said = f"In a {bias.value} order block from {plain(block.bottom)} to {plain(block.top)}."
            return Reading("smc.block", bias, 0.9, said, block.known_at)
    return None


def _discount(view: MarketView) -> Reading | None:
    position = view.now["position"]
    if not 0.0 <= position <= 1.0:
        return None
    bias = Bias.BULLISH if position < 0.5 else Bias.BEARISH
    said = f"Close at {position:.0%} of the dealing range."
    return Reading("smc.discount", bias, min(1.0, abs(position - 0.5) * 2.0), said, view.closed_at)


def _candle(view: MarketView, patterns: Sequence[Reading]) -> Reading | None:
    new = [reading for reading in patterns if reading.known_at == view.closed_at and reading.bias is not Bias.NEUTRAL]
    return max(new, key=lambda reading: reading.strength, default=None)


def _round(view: MarketView) -> Reading | None:
    below, atr = view.now["below"], view.now["atr"]
    if not view.bar.close - below <= _NEAR_ROUND * atr:
        return None
    said = f"Round price {plain(below)} lies just below."
    return Reading("smc.round", Bias.BULLISH, 0.5, said, view.closed_at)
