"""Longer candles out of shorter ones, as venues cut them."""

from __future__ import annotations

from decimal import Decimal

from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, Bar, Candle, Millis, Quality, Timeframe

_WEEK: Millis = 7 * DAY
_MONDAY: Millis = 4 * DAY
"""1970-01-05, the first Monday: venues begin weeks there, all shorter bars at the epoch."""


class Resampler:
    """Makes candles of `target` out of the closed candles of one symbol in `base`.

    A candle of the target closes with its last base candle. Where that one is missing, it closes when the next base
    candle shows that it is over; holes inside are passed over (nothing is invented). The result is FLAGGED when any
    part was, else as good as its last part. A base candle that opens in a bucket already given out (stamps off the
    grid) is passed over.
    """

    __slots__ = ("_anchor", "_base", "_bucket", "_flagged", "_high", "_low", "_open", "_target", "_volume")

    def __init__(self, base: Timeframe, target: Timeframe) -> None:
        """ConfigError when `target` is not a whole number of `base` bars."""
        if target.ms % base.ms:
            message = f"{target} candles cannot be made of {base} candles: choose a whole multiple of {base}."
            raise ConfigError(message)
        self._base = base.ms
        self._target = target
        self._anchor = _MONDAY if target.ms % _WEEK == 0 else 0
        self._bucket: Millis = -1  # no bucket begins there: every anchor is a whole number of seconds
        self._open: tuple[Candle, Candle] | None = None
        self._high = self._low = Decimal(0)
        self._volume = 0.0
        self._flagged = False

    def add(self, candle: Candle) -> tuple[Candle, ...]:
        """Take the next base candle (strictly ascending); give the target candles it closes: none, one, or two."""
        opened_at = candle.opened_at
        target_ms = self._target.ms
        bucket = opened_at - (opened_at - self._anchor) % target_ms
        late: tuple[Candle, ...] = ()
        if bucket != self._bucket:
            if self._open is not None:
                late = (self._finish(*self._open),)
            self._bucket = bucket
            first = candle
            self._high = candle.high
            self._low = candle.low
            self._volume = candle.bar.volume
            self._flagged = candle.quality is Quality.FLAGGED
        elif self._open is None:
            return ()
        else:
            first = self._open[0]
            self._high = max(self._high, candle.high)
            self._low = min(self._low, candle.low)
            self._volume += candle.bar.volume
            if candle.quality is Quality.FLAGGED:
                self._flagged = True
        if opened_at + self._base < bucket + target_ms:
            self._open = (first, candle)
            return late
        return (*late, self._finish(first, candle))

    def _finish(self, first: Candle, last: Candle) -> Candle:
        """Close the bucket at hand."""
        self._open = None
        high, low = self._high, self._low
        return Candle(
            symbol=first.symbol,
            timeframe=self._target,
            opened_at=self._bucket,
            open=first.open,
            high=high,
            low=low,
            close=last.close,
            bar=Bar(first.bar.open, float(high), float(low), last.bar.close, self._volume),
            quality=Quality.FLAGGED if self._flagged else last.quality,
        )
