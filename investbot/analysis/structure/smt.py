"""Divergence between two correlated markets (SMT): one makes a new extreme and the other does not."""

from __future__ import annotations

from dataclasses import dataclass

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swing, Swings
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis


@dataclass(frozen=True, slots=True)
class Divergence:
    """At highs (bearish) or lows (bullish): `leader` went beyond its swing before, `laggard` failed to.

    `first_leads` tells which of the two markets the leader is.
    """

    side: Side
    first_leads: bool
    leader: Swing
    laggard: Swing
    known_at: Millis


@dataclass(frozen=True, slots=True)
class Smt:
    """Swings of `width` on both markets; two of the same side belong together when at most `within` bars lie between.

    When one market's swing is beyond its swing in the pair before, and the other's is not, they diverge. Known once
    both swings are. Only bars that close at the same moment count, and are numbered together. Source: the inner circle
    trader's smart money technique.
    """

    width: int = 2
    within: int = 3

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        Swings(self.width)
        if not 0 <= self.within <= 50:
            raise ConfigError(f"Divergence needs from 0 to 50 bars between two swings, not {self.within}.")

    def stream(self) -> SmtStream:
        """Begin at the next pair of bars."""
        return SmtStream(self.width, self.within)

    def over(self, first: Bars, second: Bars) -> tuple[Divergence, ...]:
        """Give all divergences of two markets, as they became known; bars without a partner are left out."""
        partners = {closed_at: bar for bar, closed_at in second.each()}
        stream = self.stream()
        found: list[Divergence] = []
        for bar, closed_at in first.each():
            partner = partners.get(closed_at)
            if partner is not None:
                found += stream.update(bar, partner, closed_at)
        return tuple(found)


class SmtStream:
    """Divergences as they become known."""

    __slots__ = ("_pairs", "_swings", "_within", "_works")

    def __init__(self, width: int, within: int) -> None:
        """Begin before the first pair of bars."""
        self._within = within
        self._works = (Swings(width).stream().update, Swings(width).stream().update)
        self._swings: dict[Side, list[Swing | None]] = {side: [None, None] for side in Side}
        """The last swing of each market that is in no pair yet."""
        self._pairs: dict[Side, tuple[Swing, Swing] | None] = dict.fromkeys(Side)

    def update(self, first: Bar, second: Bar, closed_at: Millis) -> tuple[Divergence, ...]:
        """Take the closed bars of both markets at one moment; tell what diverges by then."""
        found: tuple[Divergence, ...] = ()
        for market, (work, bar) in enumerate(zip(self._works, (first, second), strict=True)):
            for swing in work(bar, closed_at):
                self._swings[swing.side][market] = swing
                found += self._paired(swing.side, closed_at)
        return found

    def _paired(self, side: Side, closed_at: Millis) -> tuple[Divergence, ...]:
        one, other = self._swings[side]
        if one is None or other is None or abs(one.number - other.number) > self._within:
            return ()
        before, self._pairs[side] = self._pairs[side], (one, other)
        self._swings[side] = [None, None]
        if before is None:
            return ()
        beyond = (one.price - before[0].price) * side > 0.0, (other.price - before[1].price) * side > 0.0
        if beyond == (True, False):
            return (Divergence(side, True, one, other, closed_at),)
        if beyond == (False, True):
            return (Divergence(side, False, other, one, closed_at),)
        return ()
