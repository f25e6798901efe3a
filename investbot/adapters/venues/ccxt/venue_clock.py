"""The venue's time as a straight line over our monotonic clock, so that it may run at any speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from investbot.domain.market import Millis

KEPT = 16
"""Samples the line is laid through."""
RESYNC_S = 60.0
"""Seconds after which the venue is asked for its time again."""
TOLERANCE_MS = 50.0
"""Error of the line, beyond the uncertainty of a sample, from which on it is laid anew; milliseconds of the venue."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The venue said `told` (ms UTC) when our monotonic clock stood at `at` ± `half_trip` seconds."""

    at: float
    told: Millis
    half_trip: float


class VenueClock:
    """Offset and rate of the venue's clock out of samples; `rate` counts venue seconds a monotonic second.

    The rate is 1 unless the samples rule that out: over a short time a late answer looks like a fast clock.
    """

    def __init__(self, monotonic: Callable[[], float], started_at: Millis) -> None:
        self._monotonic = monotonic
        self._samples: list[Sample] = []
        self._origin = (monotonic(), float(started_at))
        self._latest: Millis = 0
        self._surprise_ms = 0.0
        self._rate_error = 0.0
        self.rate = 1.0

    @property
    def skew_ms(self) -> Millis:
        """How far the newest sample lay from where the line had it, beyond what its round trip explains."""
        return round(self._surprise_ms)

    @property
    def samples(self) -> int:
        """How many samples the line rests on; 0 = it is the machine's own time."""
        return len(self._samples)

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC; it never goes back."""
        self._latest = max(self._latest, round(self._line(self._monotonic())))
        return self._latest

    def raw(self) -> Millis:
        """The venue's time as the line has it now, even when that is behind an earlier `now`; for signing."""
        return round(self._line(self._monotonic()))

    def due(self, window_ms: Millis) -> bool:
        """Tell whether the venue should be asked for its time: never, long ago, or the line may be off by now.

        `window_ms` is the error that signed requests survive; an eighth of it is what the line may be off.
        """
        if not self._samples:
            return True
        age_s = self._monotonic() - self._samples[-1].at
        return age_s >= RESYNC_S or age_s * 1000.0 * self._rate_error > window_ms / 8

    def add(self, sample: Sample) -> None:
        """Measure the line against a sample and lay it anew through those that agree with it."""
        first = not self._samples
        error = sample.told - self._line(sample.at)
        surprise = 0.0 if first else max(0.0, abs(error) - self._uncertainty(sample))
        self._surprise_ms = surprise if len(self._samples) > 1 else 0.0
        if len(self._samples) > 1 and surprise > TOLERANCE_MS:
            self._samples = []
            self._origin = (sample.at, float(sample.told))
        self._samples = [*self._samples, sample][-KEPT:]
        self._lay()

    def _line(self, at: float) -> float:
        began, told = self._origin
        return told + (at - began) * 1000.0 * self.rate

    def _uncertainty(self, sample: Sample) -> float:
        """Tell the milliseconds of the venue that a sample's round trip leaves open; the venue counts whole ones."""
        return 1.0 + sample.half_trip * 1000.0 * max(1.0, self.rate)

    def _lay(self) -> None:
        """Choose the rate by the two samples farthest apart, and the offset by the one with the shortest trip."""
        first, last = self._samples[0], self._samples[-1]
        span = last.at - first.at
        if span > 0:
            elapsed, open_s = (last.told - first.told) / 1000.0, first.half_trip + last.half_trip
            slowest, fastest = (elapsed - 0.002) / (span + open_s), (elapsed + 0.002) / max(span - open_s, 1e-9)
            if not slowest <= 1.0 <= fastest:
                self.rate = max(elapsed / span, 0.0)
                self._rate_error = max(1.0, self.rate) * (open_s + 0.002) / span
            elif span > 4 * open_s:
                self.rate, self._rate_error = 1.0, 0.0
        best = min(self._samples[-4:], key=lambda sample: sample.half_trip)
        self._origin = (best.at, float(best.told))
