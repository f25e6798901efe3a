"""Order flow as a state machine that remembers from bar to bar where the market is in its cycle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Donchian
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

RETRACES = 0.382
"""Part of a leg that has to be given back before it counts as a retracement (Fibonacci)."""
FAR_HALF = 0.5
"""A rest counts as distribution while less than this part of the leg is given back."""
SWEEPS = 0.25
"""ATR by which a wick has to go beyond the range to sweep it."""
PATIENCE = 200
"""Bars without a change after which nothing is known any more."""
SURELY_HELD = 0.3
"""Part of a leg that may be given back without a closer look: well under what makes a retracement."""


class Flow(IntEnum):
    """Where the market is in its cycle; the numbers are the codes of `FlowState`."""

    UNKNOWN = 0
    ACCUMULATION = 1
    MANIPULATION = 2
    EXPANSION = 3
    RETRACEMENT = 4
    DISTRIBUTION = 5


@dataclass(frozen=True, slots=True)
class FlowChange:
    """A step from one state to the next and the one reason for it; `side` is the way of the leg, or of the sweep."""

    before: Flow
    after: Flow
    side: Side | None
    reason: str
    known_at: Millis


@dataclass(frozen=True, slots=True)
class OrderFlow:
    """Accumulation, manipulation, expansion, retracement, distribution, and unknown.

    A *rest*: high minus low of the last `window` bars is at most `calm` ATR(14). The *range* is that of the rest, and
    grows with it. *Displacement*: a close beyond the range with a body of at least one ATR.

    - unknown -> accumulation: a rest.
    - accumulation, distribution -> manipulation: a wick at least 0.25 ATR beyond the range that closes back inside.
    - accumulation, manipulation, distribution -> expansion: displacement. The leg begins at the range's other end.
    - accumulation, manipulation, distribution -> unknown: another close beyond the range, and no rest any more.
    - expansion -> retracement: a close that gives back 0.382 of the leg from its extreme.
    - retracement -> expansion: a close beyond the leg's extreme.
    - expansion, retracement -> distribution: a rest with less than half of the leg given back.
    - expansion, retracement -> unknown: a close beyond the leg's beginning.
    - any -> unknown: 200 bars without a change.

    At most one step a bar; the first that holds, in the order above (in a leg: its end, expansion, retracement, rest).
    A sweep's wick belongs to the range afterwards. Source: the inner circle
    trader's power of three, made exact; the numbers are ours.
    """

    window: int = 24
    calm: float = 3.5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        if not 3 <= self.window <= 200:
            raise ConfigError(f"Order flow needs a window from 3 to 200 bars, not {self.window}.")
        if not 0.5 <= self.calm <= 20.0:
            raise ConfigError(f"Order flow needs a calm range from 0.5 to 20 ATR, not {self.calm}.")

    def stream(self) -> FlowStream:
        """Begin at the next bar."""
        return FlowStream(self.window, self.calm)

    def over(self, bars: Bars) -> tuple[FlowChange, ...]:
        """Give all steps, as they became known."""
        return tuple([change for _, change in _numbered(bars, self)])


def _numbered(bars: Bars, flow: OrderFlow) -> list[tuple[int, FlowChange]]:
    """Give all steps, each with the number of the bar that made it."""
    return bars.once(flow, lambda: _steps(bars, flow))


def _steps(bars: Bars, flow: OrderFlow) -> list[tuple[int, FlowChange]]:
    cycle, found = _Cycle(flow.calm), list[tuple[int, FlowChange]]()
    atrs = Atr(14).over(bars)
    uppers, _, lowers = Donchian(flow.window).over(bars)
    resting = (uppers - lowers <= flow.calm * atrs) & (uppers > lowers)
    opened, high, low, close, _ = (column.tolist() for column in bars[:5])
    atr, upper, lower, ats = atrs.tolist(), uppers.tolist(), lowers.tolist(), bars.closed_at.tolist()
    floor, ceiling, until, listens = cycle.fence
    for number, (top, bottom, rests) in enumerate(zip(high, low, resting.tolist(), strict=True)):
        if floor < bottom and top < ceiling and number < until and not (rests and listens):
            continue
        bar = Bar(opened[number], top, bottom, close[number], 0.0)
        change = cycle.step(number, bar, ats[number], atr[number], upper[number], lower[number])
        floor, ceiling, until, listens = cycle.fence
        if change is not None:
            found.append((number, change))
    return found


class FlowStream:
    """The state machine; what it remembers is worked out again from the same bars after a restart."""

    __slots__ = ("_atr", "_calm", "_channel", "_cycle", "_number")

    def __init__(self, window: int, calm: float) -> None:
        """Begin before the first bar."""
        self._cycle = _Cycle(calm)
        self._calm = calm
        self._number = -1
        self._atr = Atr(14).stream().update
        self._channel = Donchian(window).stream().update

    @property
    def state(self) -> Flow:
        """Where the market is after the last bar."""
        return self._cycle.state

    def update(self, bar: Bar, closed_at: Millis) -> tuple[FlowChange, ...]:
        """Take one closed bar; tell the step it makes, if any."""
        atr = self._atr(bar, closed_at)
        upper, _, lower = self._channel(bar, closed_at)
        cycle, number = self._cycle, self._number + 1
        self._number = number
        floor, ceiling, until, listens = cycle.fence
        if floor < bar.low and bar.high < ceiling and number < until:
            rests = upper - lower <= self._calm * atr and upper > lower
            if not (rests and listens):
                return ()
        change = cycle.step(number, bar, closed_at, atr, upper, lower)
        return (change,) if change else ()


class _Cycle:
    """The steps themselves."""

    __slots__ = ("_calm", "_extreme", "_high", "_low", "_origin", "_side", "_until", "fence", "state")

    def __init__(self, calm: float) -> None:
        self._calm = calm
        self.state = Flow.UNKNOWN
        self._side: Side | None = None
        self._high = self._low = float("nan")
        """The range of the rest."""
        self._origin = self._extreme = float("nan")
        """Where the leg began, and how far it went."""
        self._until = float("inf")
        self.fence = self._free()
        """A bar strictly between the first two prices and before bar number `until` changes nothing, nor has the cycle
        to hear of it, unless it rests and the cycle listens for a rest.
        """

    def step(
        self, number: int, bar: Bar, closed_at: Millis, atr: float, upper: float, lower: float
    ) -> FlowChange | None:
        """Take a bar with its ATR and the channel of the window; tell the step it makes."""
        rests = upper - lower <= self._calm * atr and upper > lower
        before = self.state
        if before is Flow.UNKNOWN:
            reason = self._begin(upper, lower) if rests else ""
        elif before in {Flow.EXPANSION, Flow.RETRACEMENT}:
            reason = self._in_leg(bar, upper, lower, rests=rests)
        else:
            reason = self._in_range(bar, atr, rests=rests)
        if not reason and number >= self._until:
            reason = self._to(Flow.UNKNOWN, None, f"nothing changed for {PATIENCE} bars")
        if reason:
            self._until = float("inf") if self.state is Flow.UNKNOWN else number + PATIENCE
        self.fence = self._free()
        return FlowChange(before, self.state, self._side, reason, closed_at) if reason else None

    def _free(self) -> tuple[float, float, float, bool]:
        """Tell what bars may do without a closer look: stay over a price and under one, until when, not even rest."""
        state, origin, extreme = self.state, self._origin, self._extreme
        if state is Flow.UNKNOWN:
            return float("-inf"), float("inf"), self._until, True
        if state is Flow.EXPANSION:
            origin = extreme - SURELY_HELD * (extreme - origin)
        elif state is not Flow.RETRACEMENT:
            return self._low, self._high, self._until, False
        return min(origin, extreme), max(origin, extreme), self._until, True

    def _to(self, state: Flow, side: Side | None, reason: str) -> str:
        self.state = state
        self._side = side
        return reason

    def _begin(self, upper: float, lower: float) -> str:
        self._high, self._low = upper, lower
        return self._to(Flow.ACCUMULATION, None, "the market rests in a narrow range")

    def _in_range(self, bar: Bar, atr: float, *, rests: bool) -> str:
        high, low, close = self._high, self._low, bar.close
        above, below = bar.high - high, low - bar.low
        inside = low <= close <= high
        if inside and self.state is not Flow.MANIPULATION and max(above, below) >= SWEEPS * atr:
            self._high, self._low = max(high, bar.high), min(low, bar.low)
            swept = Side.HIGH if above > below else Side.LOW
            return self._to(Flow.MANIPULATION, swept, f"a wick of {SWEEPS} ATR swept the range and closed back inside")
        side = Side.HIGH if close > high else Side.LOW
        if not inside and (close - bar.open) * side >= atr:
            self._origin = low if side is Side.HIGH else high
            self._extreme = bar.high if side is Side.HIGH else bar.low
            return self._to(Flow.EXPANSION, side, "a close beyond the range with a body of at least one ATR")
        if rests:
            self._high, self._low = max(high, bar.high), min(low, bar.low)
            return ""
        return "" if inside else self._to(Flow.UNKNOWN, None, "the range was left without displacement")

    def _in_leg(self, bar: Bar, upper: float, lower: float, *, rests: bool) -> str:
        side = Side.HIGH if self._side is Side.HIGH else Side.LOW
        reached = bar.high if side is Side.HIGH else bar.low
        if (bar.close - self._origin) * side < 0.0:
            return self._to(Flow.UNKNOWN, None, "the whole leg was given back")
        if self.state is Flow.RETRACEMENT and (bar.close - self._extreme) * side > 0.0:
            self._extreme = reached
            return self._to(Flow.EXPANSION, side, "a close beyond the extreme of the leg")
        if (reached - self._extreme) * side > 0.0:
            self._extreme = reached
        given_back = (self._extreme - bar.close) / (self._extreme - self._origin)
        if self.state is Flow.EXPANSION and given_back >= RETRACES:
            return self._to(Flow.RETRACEMENT, side, f"a close gave back {RETRACES} of the leg")
        if rests and given_back < FAR_HALF:
            self._high, self._low = upper, lower
            return self._to(Flow.DISTRIBUTION, side, "the market rests far along the leg")
        return ""


@dataclass(frozen=True, slots=True)
class FlowState:
    """The state of `OrderFlow` after each bar as a code: 0 unknown, 1 accumulation, 2 manipulation, 3 expansion,
    4 retracement, 5 distribution.
    """  # noqa: D205 - the codes belong in the first sentence

    window: int = 24
    calm: float = 3.5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        OrderFlow(self.window, self.calm)

    @property
    def lookback(self) -> int:
        """The first bar has a state: unknown."""
        return 0

    def stream(self) -> FlowStateStream:
        """Begin at the next bar."""
        return FlowStateStream(self.window, self.calm)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,)."""
        steps = _numbered(bars, OrderFlow(self.window, self.calm))
        numbers = np.array([number for number, _ in steps], dtype=np.int64)
        codes = np.array([0.0, *(float(change.after) for _, change in steps)])
        states: Array = np.repeat(codes, np.diff(numbers, prepend=0, append=bars.size))
        return states


class FlowStateStream:
    """The code of the state after each bar."""

    __slots__ = ("_flow",)

    def __init__(self, window: int, calm: float) -> None:
        """Begin before the first bar."""
        self._flow = FlowStream(window, calm)

    def update(self, bar: Bar, closed_at: Millis) -> float:
        """Take one closed bar; tell the state after it."""
        self._flow.update(bar, closed_at)
        return float(self._flow.state)
