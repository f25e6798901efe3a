"""The steps of one schematic. Prices are those of an accumulation; a distribution is given turned round."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from investbot.analysis.wyckoff.events import (
    MIRRORED,
    VOLUME,
    Name,
    Phase,
    Schematic,
    WyckoffEvent,
    held_confidence,
    spring_confidence,
)
from investbot.domain.market import Millis

FALL = 8.0
"""ATR that the climax lies under the highest high of the window at least."""
SPREAD = 1.5
"""ATR that the climax's range is wide at least."""
RALLY = 2.0
"""ATR that the automatic rally rises at least."""
SLACK = 0.5
"""ATR that a secondary test may undercut the climax."""
RETURNS = 3
"""Bars within which a spring is back inside the range."""
DEEPEST = 2.0
"""ATR under support from which a close ends the range."""
STRONG = 1.0
"""ATR that a sign of strength is wide at least."""
PATIENCE = 500
"""Bars without an event after which a range is forgotten."""
CLIMAX, RANGE, SPRUNG, STRENGTH, LEAVING = 0.3, 0.4, 0.5, 0.8, 0.9
"""How sure the events are that are no springs and no tests: of phase A, of B, a lost spring, of D, of E."""


class Row(NamedTuple):
    """One bar as the machine reads it; `ratio` is its volume over the average of the 20 bars before it."""

    number: int
    high: float
    low: float
    close: float
    ratio: float
    atr: float
    closed_at: Millis


class Turn(NamedTuple):
    """A confirmed swing as the machine reads it; `ratio` is that of its own bar."""

    is_high: bool
    number: int
    price: float
    ratio: float
    at: Millis


class Fence(NamedTuple):
    """What says nothing to a machine: a row of common volume from `floor` to `ceiling` before bar number `until`, and
    its turns unless the machine `listens` for them.
    """  # noqa: D205 - what the four mean together is the sentence

    floor: float
    ceiling: float
    until: float
    listens: bool


class Machine:
    """Follows one range at a time, from its climax until it is left or fails."""

    __slots__ = (
        "_b_since",
        "_climax",
        "_loud",
        "_peak",
        "_quiet_since",
        "_schematic",
        "_sign",
        "_spring",
        "_stage",
        "_strength",
        "_under",
        "fence",
        "found",
        "resistance",
        "support",
    )

    def __init__(self, schematic: Schematic) -> None:
        """Begin without a range."""
        self._schematic = schematic
        self._sign = 1.0 if schematic is Schematic.ACCUMULATION else -1.0
        self.found: list[WyckoffEvent] = []
        self._loud: deque[Row] = deque(maxlen=6)
        """The last bars of high volume that closed in their upper half, for the preliminary support."""
        self._climax: Row | None = None
        self._spring: Row | None = None
        self._strength: Row | None = None
        self._under: tuple[Row, float, float] | None = None
        """The first bar under support of a spring that is not back yet, its lowest low and its highest ratio."""
        self._clear()
        self.fence = self._fence()

    @property
    def waits(self) -> bool:
        """Whether there is no range."""
        return self._climax is None

    @property
    def may_begin(self) -> bool:
        """Whether a climax begins a range, or moves the one of a range without a secondary test."""
        return self._climax is None or self._stage is Phase.A

    def climax(self, row: Row, since: int) -> None:
        """Begin (or move) the range at a climax; bar `since` opens the window."""
        self._clear()
        self._climax = row
        self._quiet_since = row.number
        self.support = row.low
        before = [loud for loud in self._loud if since <= loud.number < row.number and loud.low > row.low]
        if before:
            self._tell(Name.PRELIMINARY_SUPPORT, Phase.A, before[-1].low, before[-1].ratio, CLIMAX, before[-1], row)
        self._tell(Name.SELLING_CLIMAX, Phase.A, row.low, row.ratio, CLIMAX, row, row)
        self.fence = self._fence()

    def loud(self, row: Row) -> None:
        """Remember a bar of high volume that closed in its upper half."""
        self._loud.append(row)

    def step(self, row: Row, turns: Sequence[Turn]) -> None:
        """Take one bar after the climax with the swings it confirms."""
        climax, strength = self._climax, self._strength
        if climax is None or row.number - self._quiet_since > PATIENCE:
            self._clear()
        elif strength is not None:
            self._phase_d(row, turns, strength)
        elif self._stage is Phase.A:
            self._phase_a(row, turns, climax)
        else:
            self._cause(row, turns, climax)
        fence = self._fence()
        if fence != self.fence:
            self.fence = fence

    def _fence(self) -> Fence:
        until = self._quiet_since + PATIENCE + 1
        if self._climax is None:
            return Fence(float("-inf"), float("inf"), float("inf"), False)
        if self._strength is not None:
            return Fence(self.support, self._peak, until, self._stage is not Phase.E)
        if self._stage is Phase.A:
            return Fence(self.support, float("inf"), until, True)
        if self._under is not None:
            return Fence(float("inf"), float("-inf"), until, True)
        return Fence(self.support, self.resistance, until, self._spring is not None)

    def _clear(self) -> None:
        self._climax = self._spring = self._strength = self._under = None
        self._stage = Phase.A
        self.support = self.resistance = float("nan")
        self._quiet_since = 0
        self._b_since = 0
        self._peak = float("nan")

    def _phase_a(self, row: Row, turns: Sequence[Turn], climax: Row) -> None:
        if row.close < self.support - SLACK * row.atr:
            self._fail(row)
            return
        for turn in turns:
            if turn.number <= climax.number:
                continue
            if turn.is_high and turn.price - self.support >= RALLY * row.atr and not self.resistance >= turn.price:
                self.resistance = turn.price
                self._turned(Name.AUTOMATIC_RALLY, Phase.A, turn, CLIMAX, row)
            elif not turn.is_high and self._tests(turn, row, climax):
                self.support = min(self.support, turn.price)
                self._stage, self._b_since = Phase.B, row.number
                self._turned(Name.SECONDARY_TEST, Phase.B, turn, RANGE, row)
                return

    def _tests(self, turn: Turn, row: Row, climax: Row) -> bool:
        """A low in the lower third of the range, on less volume than the climax."""
        third = self.support + (self.resistance - self.support) / 3.0
        return self.support - SLACK * row.atr <= turn.price <= third and turn.ratio < climax.ratio

    def _cause(self, row: Row, turns: Sequence[Turn], climax: Row) -> None:
        """Phases B and C: thrusts beyond the range, springs and their tests, until strength shows or it fails."""
        if self._spring is not None and row.close < self._spring.low:
            self._fail(row)
            return
        if row.low < self.support:
            first, low, ratio = self._under or (row, row.low, row.ratio)
            self._under = (first, min(low, row.low), max(ratio, row.ratio))
        if self._under is not None:
            self._back(row, climax, *self._under)
            if self.waits:
                return
        if row.close > self.resistance:
            self._above(row)
            return
        if row.high > self.resistance:
            self._tell(Name.UPTHRUST, self._stage, row.high, row.ratio, RANGE, row, row)
        for turn in turns:
            self._held(turn, row)

    def _back(self, row: Row, climax: Row, first: Row, low: float, ratio: float) -> None:
        if row.close < self.support - DEEPEST * row.atr or (
            row.close < self.support and row.number - first.number >= RETURNS
        ):
            self._fail(row)
        elif row.close >= self.support:
            self._under = None
            depth = (self.support - low) / row.atr
            # A range that is younger than its phase A was long has not built a cause: its thrusts are no springs yet.
            young = row.number - self._b_since < self._b_since - climax.number
            if young:
                self._tell(Name.SHAKEOUT, self._stage, low, ratio, RANGE, first, row)
                self.support = low
                return
            self._stage = Phase.C
            self._spring = Row(row.number, row.high, low, row.close, ratio, row.atr, row.closed_at)
            self._tell(Name.SPRING, Phase.C, low, ratio, spring_confidence(depth, ratio), first, row)
            self.support = low

    def _held(self, turn: Turn, row: Row) -> None:
        """A low after the spring and above it, in the lower half of the range, on less than average volume."""
        spring = self._spring
        if spring is None or turn.is_high or turn.number <= spring.number or turn.ratio >= 1.0:
            return
        place = (turn.price - spring.low) / (self.resistance - spring.low)
        if 0.0 < place <= 0.5:
            self._turned(Name.TEST, Phase.C, turn, held_confidence(2.0 * place), row)

    def _above(self, row: Row) -> None:
        """A close over the range is a sign of strength on volume and range; without them the range is left."""
        if row.ratio > VOLUME and row.high - row.low >= STRONG * row.atr:
            self._stage, self._strength, self._peak = Phase.D, row, row.high
            self._tell(Name.SIGN_OF_STRENGTH, Phase.D, row.close, row.ratio, STRENGTH, row, row)
        else:
            self._clear()

    def _phase_d(self, row: Row, turns: Sequence[Turn], strength: Row) -> None:
        if row.close < self.support:
            self._fail(row)
            return
        if self._stage is Phase.E and row.close > self._peak:
            self._tell(Name.MARKUP, Phase.E, row.close, row.ratio, LEAVING, row, row)
            self._clear()
            return
        if self._stage is Phase.E:
            return
        self._peak = max(self._peak, row.high)
        middle = (self.support + self.resistance) / 2.0
        for turn in turns:
            later = turn.number > strength.number and turn.ratio < strength.ratio
            if later and not turn.is_high and turn.price > middle:
                self._stage = Phase.E
                self._turned(Name.LAST_POINT_OF_SUPPORT, Phase.D, turn, LEAVING, row)

    def _fail(self, row: Row) -> None:
        self._tell(Name.FAILURE, Phase.NONE, row.close, row.ratio, 0.0, row, row)
        self._clear()

    def _turned(self, name: Name, phase: Phase, turn: Turn, confidence: float, known: Row) -> None:
        self._event(name, phase, turn.price, turn.ratio, confidence, turn.at, known)

    def _tell(
        self, name: Name, phase: Phase, price: float, ratio: float, confidence: float, happened: Row, known: Row
    ) -> None:
        self._event(name, phase, price, ratio, confidence, happened.closed_at, known)

    def _event(
        self, name: Name, phase: Phase, price: float, ratio: float, confidence: float, at: Millis, known: Row
    ) -> None:
        self._quiet_since = known.number
        edges = (self.support * self._sign, self.resistance * self._sign)
        low, high = edges if self._sign > 0.0 else edges[::-1]
        self.found.append(
            WyckoffEvent(
                self._schematic,
                name if self._sign > 0.0 else MIRRORED[name],
                phase,
                price * self._sign,
                ratio,
                low,
                high,
                confidence,
                at,
                known.closed_at,
            )
        )
