"""Longer candles out of shorter ones, as venues cut them."""

from __future__ import annotations

from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, Bar, Candle, Millis, Quality, Timeframe

_WEEK: Millis = 7 * DAY
_MONDAY: Millis = 4 * DAY
"""1970-01-05, the first Monday: venues begin weeks there, all shorter bars at the epoch."""
_FLAGGED = Quality.FLAGGED


class _Parts:
    """The base candles of one longer candle so far, as far as they matter."""

    __slots__ = ("first", "flagged", "highest", "last", "lowest", "volume")

    def __init__(self, candle: Candle) -> None:
        self.first = self.highest = self.lowest = self.last = candle
        self.volume = candle.bar.volume
        self.flagged = candle.quality is _FLAGGED

    def add(self, candle: Candle) -> None:
        self.last = candle
        if candle.high > self.highest.high:
            self.highest = candle
        if candle.low < self.lowest.low:
            self.lowest = candle
        self.volume += candle.bar.volume
        if candle.quality is _FLAGGED:
            self.flagged = True


class Resampler:
    """Makes candles of `target` out of the closed candles of one symbol in `base`.

    A candle of the target closes with its last base candle. Where that one is missing, it closes when the next base
    candle shows that it is over; holes inside are passed over (nothing is invented). The result is FLAGGED when any
    part was, else as good as its last part. A base candle that opens in a bucket already given out (stamps off the
    grid) is passed over.
    """

    __slots__ = ("_anchor", "_base_ms", "_ends_at", "_parts", "_target")

    def __init__(self, base: Timeframe, target: Timeframe) -> None:
        """ConfigError when `target` is not a whole number of `base` bars."""
        if target.ms % base.ms:
            message = f"{target} candles cannot be made of {base} candles: choose a whole multiple of {base}."
            raise ConfigError(message)
        self._base_ms = base.ms
        self._target = target
        self._anchor = _MONDAY if target.ms % _WEEK == 0 else 0
        self._ends_at: Millis = 0
        self._parts: _Parts | None = None

    def add(self, candle: Candle) -> tuple[Candle, ...]:
        """Take the next base candle (strictly ascending); give the target candles it closes: none, one, or two."""
        opened_at = candle.opened_at
        parts = self._parts
        late: tuple[Candle, ...] = ()
        if opened_at >= self._ends_at:
            if parts is not None:
                late = (self._finished(parts),)
            span = self._target.ms
            self._ends_at = opened_at - (opened_at - self._anchor) % span + span
            parts = self._parts = _Parts(candle)
        elif parts is None:
            return ()
        else:
            parts.add(candle)
        if opened_at + self._base_ms < self._ends_at:
            return late
        self._parts = None
        return (*late, self._finished(parts))

    def _finished(self, parts: _Parts) -> Candle:
        first, last, highest, lowest = parts.first, parts.last, parts.highest, parts.lowest
        return Candle(
            symbol=first.symbol,
            timeframe=self._target,
            opened_at=self._ends_at - self._target.ms,
            open=first.open,
            high=highest.high,
            low=lowest.low,
            close=last.close,
            bar=Bar(first.bar.open, highest.bar.high, lowest.bar.low, last.bar.close, parts.volume),
            quality=_FLAGGED if parts.flagged else last.quality,
        )
