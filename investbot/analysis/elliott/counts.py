"""Candidate counts of the last turns, each with its score, what it expects, and the price that proves it wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from investbot.analysis.analyser import Bars
from investbot.analysis.elliott.waves import (
    Form,
    flat_score,
    impulse_breaks,
    impulse_score,
    triangle_score,
    zigzag_score,
)
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.analysis.structure.zigzag import ZigZag
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

TURNS = 6


@dataclass(frozen=True, slots=True)
class Count:
    """One reading of the turns. `wave` is the one that goes on now ("3", "4", "5", or "" after a whole form).

    `expects` is the way of what comes next; `invalidation` (quote per base) is the price beyond which, against
    `expects`, the count is wrong; `target` the price that a guideline projects, NaN where there is none; `score` 0..1.
    """

    form: Form
    side: Side
    wave: str
    turns: tuple[Swing, ...]
    score: float
    expects: Side
    invalidation: float
    target: float


@dataclass(frozen=True, slots=True)
class Counts:
    """All candidates after a turn, the best score first; it replaces the ones before."""

    candidates: tuple[Count, ...]
    known_at: Millis


@dataclass(frozen=True, slots=True)
class Elliott:
    """Counts the last 3 to 6 turns (swings of `width`, highs and lows in turn) whenever they change.

    Impulses: the hard rules exclude, the guidelines score (`waves.py`). After waves 1 and 2 the count expects wave 3
    and dies beyond the start; after wave 3 it expects wave 4 (against the impulse) and dies beyond the end of wave 3;
    after wave 4 it expects wave 5 and dies at the end of wave 1; a whole impulse expects the turn and dies beyond its
    end. Targets: wave 3 at 1.618 times wave 1, wave 4 at 0.382 of wave 3, wave 5 at 1.618 times wave 1, a turn at the
    end of wave 4. Zigzags, flats and triangles, whole, expect the way before them to go on, and die beyond their last
    turn; the target is their start. Candidates under `least` are not told.
    """

    width: int = 5
    least: float = 0.2

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        Swings(self.width)
        if not 0.0 <= self.least <= 1.0:
            raise ConfigError(f"Elliott counts need a least score from 0 to 1, not {self.least}.")

    def stream(self) -> ElliottStream:
        """Begin at the next bar."""
        return ElliottStream(self.width, self.least)

    def over(self, bars: Bars) -> tuple[Counts, ...]:
        """Give all counts, as they became known."""
        turns = ZigZag(TURNS)
        found: list[Counts] = []
        for swings in confirmed(bars, self.width).values():
            found += _counted(turns, swings, self.least)
        return tuple(found)


class ElliottStream:
    """Counts as the turns change."""

    __slots__ = ("_least", "_swings", "_turns")

    def __init__(self, width: int, least: float) -> None:
        """Begin before the first bar."""
        self._least = least
        self._swings = Swings(width).stream().update
        self._turns = ZigZag(TURNS)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Counts, ...]:
        """Take one closed bar; tell the counts when it confirmed a turn."""
        swings = self._swings(bar, closed_at)
        return _counted(self._turns, swings, self._least) if swings else ()


def _counted(turns: ZigZag, swings: Sequence[Swing], least: float) -> tuple[Counts, ...]:
    changed = False
    for swing in swings:
        changed |= turns.add(swing)
    if not changed:
        return ()
    counts = sorted(candidates(turns.turns, least), key=lambda count: -count.score)
    return (Counts(tuple(counts), swings[-1].known_at),)


def candidates(turns: Sequence[Swing], least: float = 0.0) -> list[Count]:
    """Give every count that the last turns allow, those under `least` left out."""
    row = tuple(turns)
    rising = [turn.price for turn in row]
    falling = [-price for price in rising]
    found = []
    for begin in range(len(row) - 3, max(len(row) - TURNS, 0) - 1, -1):
        prices = rising if row[begin].side is Side.LOW else falling
        # Most turns break this rule, and a call takes longer.
        if prices[begin + 2] >= prices[begin] and not impulse_breaks(prices[begin:]):
            found.append(_impulse(row[begin:], prices[begin:]))
    if len(row) >= 4:
        found += _corrections(row[-4:])
    if len(row) >= TURNS:
        found += _triangle(row[-TURNS:])
    return [count for count in found if count.score >= least]


def _impulse(turns: tuple[Swing, ...], prices: Sequence[float]) -> Count:
    """Make the count of turns that keep the rules; `prices` are theirs, negated when they fall."""
    side = Side.LOW if turns[0].side is Side.HIGH else Side.HIGH
    start, one, two = prices[:3]
    first = one - start
    against = Side.LOW if side is Side.HIGH else Side.HIGH
    if len(prices) == 3:
        wave, expects, invalidation, target = "3", side, start, two + 1.618 * first
    elif len(prices) == 4:
        wave, expects, invalidation, target = "4", against, prices[3], prices[3] - 0.382 * (prices[3] - two)
    elif len(prices) == 5:
        wave, expects, invalidation, target = "5", side, one, prices[4] + 1.618 * first
    else:
        wave, expects, invalidation, target = "", against, prices[5], prices[4]
    score = impulse_score(prices)
    return Count(Form.IMPULSE, side, wave, turns, score, expects, invalidation * side, target * side)


def _corrections(turns: tuple[Swing, ...]) -> list[Count]:
    """A correction goes against what it expects: it falls before a rise."""
    side = turns[0].side
    prices = [turn.price * side for turn in turns]
    found = []
    for form, scored in ((Form.ZIGZAG, zigzag_score), (Form.FLAT, flat_score)):
        score = scored(prices)
        if score is not None:
            against = Side.LOW if side is Side.HIGH else Side.HIGH
            found.append(Count(form, against, "", turns, score, side, turns[-1].price, turns[0].price))
    return found


def _triangle(turns: tuple[Swing, ...]) -> list[Count]:
    """Wave E ends where the way before the triangle goes on: A went against it."""
    score = triangle_score([turn.price for turn in turns])
    if score is None:
        return []
    expects = turns[0].side
    against = Side.LOW if expects is Side.HIGH else Side.HIGH
    return [Count(Form.TRIANGLE, against, "", turns, score, expects, turns[-1].price, turns[0].price)]
