"""What an analyser is: one definition with two faces, bar by bar (live) and over columns (research), to the last bit.

How to write one: docs/adding-an-analyser.md. `faces.py` proves that a given one keeps the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from investbot.domain.market import MINUTE, Bar, Candle, Millis

Array = NDArray[np.float64]
Times = NDArray[np.int64]
NAN = float("nan")

Shared = TypeVar("Shared")
Value_co = TypeVar("Value_co", covariant=True)
Columns_co = TypeVar("Columns_co", covariant=True)


class _Columns(NamedTuple):
    """What bars are made of."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    closed_at: Times
    """When each bar closed, which is when it became known; strictly ascending."""


class Bars(_Columns):
    """Candles as columns of shape (n,): prices in quote per base, volume in base (float64), times in ms UTC.

    Nobody writes to the columns of a series that an analyser has read: what was found in them is kept with them.
    """

    @property
    def size(self) -> int:
        """How many bars there are."""
        return len(self.close)

    def first(self, count: int) -> Bars:
        """Give the first `count` bars: what was known then."""
        return Bars(
            self.open[:count],
            self.high[:count],
            self.low[:count],
            self.close[:count],
            self.volume[:count],
            self.closed_at[:count],
        )

    def once(self, what: Hashable, work: Callable[[], Shared]) -> Shared:
        """Give what `work` finds in these columns, worked out once a series however many analysers ask for it.

        `what` says all that the result depends on beside the columns; nobody changes a result that is shared.
        """
        known = self._known
        if what not in known:
            known[what] = work()
        found: Shared = known[what]
        return found

    @cached_property
    def _known(self) -> dict[Hashable, Any]:
        """What was found in these columns so far; it goes when they go."""
        return {}

    def each(self) -> Iterator[tuple[Bar, Millis]]:
        """Give every bar and when it closed, oldest first, as a live host sees them."""
        prices = (column.tolist() for column in self[:5])
        return zip(map(Bar._make, zip(*prices, strict=True)), self.closed_at.tolist(), strict=True)


class Stream(Protocol[Value_co]):
    """An analyser carried forward one closed bar at a time, in (amortised) constant time and bounded memory."""

    @property
    def update(self) -> Callable[[Bar, Millis], Value_co]:
        """Take one closed bar and when it closed; tell what is known by its close. A plain method will do."""
        ...


class Analyser(Protocol[Value_co, Columns_co]):
    """A frozen value, pure and blind to the future: what it says at a bar depends on that bar and those before it.

    Three kinds: an indicator (a float a bar; a column), lines (a tuple of floats a bar; a tuple of columns) and a
    finder (the findings that became known at the bar, most often none; all findings in the order they became known).
    """

    def stream(self) -> Stream[Value_co]:
        """Begin at the next bar, which becomes the anchor."""
        ...

    def over(self, bars: Bars) -> Columns_co:
        """Tell the same of whole columns; the first bar is the anchor."""
        ...


class Finding(Protocol):
    """Something an analyser saw. What is confirmed later than it happened says when: it is never repainted."""

    @property
    def known_at(self) -> Millis:
        """Close of the bar by which it was certain, milliseconds UTC; nobody may use it earlier."""
        ...


Found_co = TypeVar("Found_co", bound=Finding, covariant=True)


class Finder(Protocol[Found_co]):
    """An analyser whose results are findings."""

    def stream(self) -> Stream[tuple[Found_co, ...]]:
        """Begin at the next bar; each update gives what became known at its close."""
        ...

    def over(self, bars: Bars) -> tuple[Found_co, ...]:
        """Give all findings of whole columns, by `known_at`, then in the order the stream gives them."""
        ...


def columns(bars: Sequence[Bar], closed_at: Sequence[Millis] = ()) -> Bars:
    """Turn bars into columns of shape (n,); without `closed_at` they close a minute apart from the epoch on."""
    table = np.array(bars, dtype=np.float64).reshape(len(bars), 5)
    opened, high, low, close, volume = (np.ascontiguousarray(table[:, index]) for index in range(5))
    times = closed_at or range(MINUTE, MINUTE * (len(bars) + 1), MINUTE)
    return Bars(opened, high, low, close, volume, np.array(times, dtype=np.int64))


def columns_of(candles: Sequence[Candle]) -> Bars:
    """Turn the candles of one symbol into columns of shape (n,)."""
    return columns([candle.bar for candle in candles], [candle.at for candle in candles])
