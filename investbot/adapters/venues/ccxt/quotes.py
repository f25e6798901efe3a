"""One price out of what a venue tells of a symbol: a ticker, the best of its book, or its trades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from investbot.domain.market import SECOND, Instrument, Millis

WILDEST = Decimal("0.5")
"""How far a price may be from the last close, as a fraction of that, to be believed."""
STALE_MS = 30 * SECOND
"""How old (or ahead of its time) a price may be, in the wall's milliseconds."""
_MOST_DIGITS = 18
"""How many places before or behind the point a price may begin at."""
_WORDS = ("bid", "last", "close", "price")
"""Where a price stands, best first: what a sale brings, else what was paid last."""


class Quotes:
    """Reads prices and drops those that cannot be; `dropped` counts why."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._closes: dict[str, Decimal] = {}
        self._newest: dict[str, Millis] = {}

    def closed(self, symbol: str, close: Decimal) -> None:
        """Note the last close of a symbol, quote per base: prices are measured against it."""
        self._closes[symbol] = close

    def take(self, instrument: Instrument, answer: object, now: Millis, rate: float = 1.0) -> Decimal | None:
        """Give the price in an answer (quote per base, on the tick); None for one that is no good.

        `now` is the venue's time in ms UTC, which runs `rate` times as fast as the wall.
        """
        row = _row(answer, instrument.symbol)
        price = None if row is None else _price(row)
        on_tick = None if price is None else instrument.price_down(price)
        told_at = None if row is None else row.get("timestamp")
        flaw = self._flaw(instrument.symbol, on_tick, told_at, now, STALE_MS * max(rate, 1.0))
        if flaw:
            self.dropped[flaw] += 1
            return None
        if isinstance(told_at, int):
            self._newest[instrument.symbol] = told_at
        return on_tick

    def _flaw(self, symbol: str, price: Decimal | None, told_at: object, now: Millis, leeway_ms: float) -> str:
        """Name what is wrong with a price told at a moment of the venue; "" for nothing."""
        if not price:
            return "odd"
        close = self._closes.get(symbol)
        if close is not None and abs(price - close) > close * WILDEST:
            return "wild"
        if isinstance(told_at, int):
            late = told_at < self._newest.get(symbol, told_at)
            return "stale" if late or abs(now - told_at) > leeway_ms else ""
        return ""


def _row(answer: object, symbol: str) -> Mapping[str, Any] | None:
    """Find the row that is about `symbol`: the answer itself, the newest of a list, or one under the symbol's name."""
    if isinstance(answer, list):
        answer = answer[-1] if answer else None
    if isinstance(answer, Mapping) and isinstance(answer.get(symbol), Mapping):
        answer = answer[symbol]
    return answer if isinstance(answer, Mapping) and answer.get("symbol", symbol) == symbol else None


def _price(row: Mapping[str, Any]) -> Decimal | None:
    """Read the first price that is told; None where that is no finite number above zero."""
    told = next((row[word] for word in _WORDS if row.get(word) is not None), None)
    try:
        price = Decimal(str(told))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 0 and abs(price.adjusted()) <= _MOST_DIGITS else None
