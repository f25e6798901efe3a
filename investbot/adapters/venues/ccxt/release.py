"""When a closed candle is given out, with what quality, and when a series is stale. Pure: it is told the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from investbot.domain.facts import DataFresh, DataStale
from investbot.domain.market import Candle, Millis, Quality, Timeframe
from investbot.ports.venue import MarketFact


class Release:
    """Holds candles back until all symbols have theirs of the same close, but no longer than `grace_ms`.

    A candle is LATE when it closed before `opened_at`, when the one after it has closed as well (and `grace_ms` is
    over, where bars are that short), or when another symbol is already further: it moves exits and indicators, never
    an entry. A series is stale when its next candle has been due for `stale_after_ms`.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        timeframe: Timeframe,
        opened_at: Millis,
        grace_ms: Millis,
        stale_after_ms: Millis,
    ) -> None:
        self._order = {symbol: place for place, symbol in enumerate(symbols)}
        self._timeframe = timeframe
        self._opened_at = opened_at
        self._grace_ms = grace_ms
        self._late_after_ms = max(timeframe.ms, grace_ms)
        self._stale_after_ms = stale_after_ms
        self._known_to = dict.fromkeys(symbols, opened_at)
        self._given_to: Millis = 0
        self._pending: list[Candle] = []
        self._stale: set[str] = set()

    @property
    def stale(self) -> tuple[str, ...]:
        """The symbols whose candles are overdue."""
        return tuple(symbol for symbol in self._order if symbol in self._stale)

    def known(self, symbol: str, closed_at: Millis) -> None:
        """Note that the candles of a symbol up to this close were given out elsewhere: nobody waits for them."""
        self._known_to[symbol] = max(self._known_to[symbol], closed_at)

    def past(self, candle: Candle, now: Millis) -> Candle:
        """Give out a candle of the past, whose order its reader keeps."""
        self._known_to[candle.symbol] = candle.closed_at
        return self._judged(candle, now)

    def add(self, candles: Iterable[Candle]) -> None:
        """Take closed candles of one symbol in, ascending."""
        for candle in candles:
            self._pending.append(candle)
            self._known_to[candle.symbol] = candle.closed_at

    def ready(self, now: Millis) -> list[MarketFact]:
        """Give out what may go at `now`: candles in order, then what has become fresh or stale."""
        bound = max(min(self._known_to.values(), default=now), now - self._grace_ms)
        going = [candle for candle in self._pending if candle.closed_at <= bound]
        self._pending = [candle for candle in self._pending if candle.closed_at > bound]
        going.sort(key=lambda candle: (candle.closed_at, self._order[candle.symbol]))
        facts: list[MarketFact] = [self._judged(candle, now) for candle in going]
        for symbol, known_to in self._known_to.items():
            overdue = now - known_to - self._timeframe.ms
            if symbol in self._stale and overdue <= self._stale_after_ms:
                self._stale.discard(symbol)
                facts.append(DataFresh(now, symbol))
            elif symbol not in self._stale and overdue > self._stale_after_ms:
                self._stale.add(symbol)
                facts.append(DataStale(now, symbol, f"no candle of {self._timeframe} for {overdue // 1000} s too long"))
        return facts

    def _judged(self, candle: Candle, now: Millis) -> Candle:
        closed_at = candle.closed_at
        late = closed_at <= self._opened_at or now >= closed_at + self._late_after_ms or closed_at < self._given_to
        self._given_to = max(self._given_to, closed_at)
        return replace(candle, quality=Quality.LATE) if late else candle
