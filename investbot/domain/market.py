"""What is traded and how its price is told: instruments, timeframes, closed candles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import NamedTuple, Self

from investbot.domain.errors import DataError, UsageError

Millis = int
"""A moment or a duration in milliseconds; moments count from 1970-01-01T00:00:00Z."""

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

_UNITS: dict[str, Millis] = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_TIMEFRAME = re.compile(r"([1-9][0-9]{0,3})([smhdw])")


@dataclass(frozen=True, slots=True)
class Timeframe:
    """Length of a bar: its text as venues write it (`5m`) and its length in milliseconds."""

    text: str
    ms: Millis

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1m`, `15m`, `1h`, `1d` …; UsageError for anything else."""
        match = _TIMEFRAME.fullmatch(text)
        if match is None:
            message = f"{text!r} is not a timeframe; write a number and s, m, h, d or w, such as 5m."
            raise UsageError(message)
        return cls(text, int(match[1]) * _UNITS[match[2]])

    def __str__(self) -> str:
        """Show the text venues use."""
        return self.text


class Quality(StrEnum):
    """How far a candle may be trusted; only a GOOD one may lead to an entry, exits act on all."""

    GOOD = "good"
    FLAGGED = "flagged"
    LATE = "late"


class Bar(NamedTuple):
    """One candle in float64 for analysis: prices in quote per base, volume in base."""

    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded on one venue.

    `tick` is the price step in quote per base, `lot` the quantity step in base, `min_notional` in quote.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    min_notional: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse steps that are not positive or too fine for exact sums; DataError."""
        if not (self.tick > 0 and self.lot > 0 and self.min_notional >= 0):
            message = f"{self.symbol}: tick and lot must be above zero and min_notional not below it."
            raise DataError(message)

    @property
    def base(self) -> str:
        """The currency bought and sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The currency prices are told in."""
        return self.symbol.partition("/")[2].partition(":")[0]

    def price_down(self, price: Decimal) -> Decimal:
        """Quantise to the tick at or below `price` (quote per base)."""
        return _step(price, self.tick, ROUND_FLOOR)

    def price_up(self, price: Decimal) -> Decimal:
        """Quantise to the tick at or above `price` (quote per base)."""
        return _step(price, self.tick, ROUND_CEILING)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """Quantise to the lot at or below `quantity` (base)."""
        return _step(quantity, self.lot, ROUND_FLOOR)


def _step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    near = value.quantize(step, rounding=rounding)  # on the step's last digit, which is enough where it is a 1
    if not near % step:
        return near
    return ((value / step).to_integral_value(rounding=rounding) * step).quantize(step)


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed bar: exact prices on the tick, and the same in float64 for analysis.

    `opened_at` in milliseconds UTC; prices in quote per base; an open bar is not a Candle.
    """

    symbol: str
    timeframe: Timeframe
    opened_at: Millis
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    bar: Bar
    quality: Quality = Quality.GOOD

    @property
    def at(self) -> Millis:
        """When the bar closed, which is when it becomes a fact."""
        return self.opened_at + self.timeframe.ms

    @property
    def closed_at(self) -> Millis:
        """When the bar closed, in milliseconds UTC."""
        return self.opened_at + self.timeframe.ms


def parse_duration(text: str) -> Millis:
    """Read `0s`, `500ms`, `0.5s`, `5m`, `4h`, `1d` into milliseconds; UsageError for anything else."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhdw])", text)
    if match is None:
        message = f"{text!r} is not a duration; write a number and ms, s, m, h or d, such as 5m."
        raise UsageError(message)
    unit = 1 if match[2] == "ms" else _UNITS[match[2]]
    return int(Decimal(match[1]) * unit)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last candle an instance has worked on: where to go on after a restart. `opened_at` in milliseconds UTC."""

    symbol: str
    opened_at: Millis
