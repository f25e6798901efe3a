"""What makes a candle file worth trading on: every row is checked, and the first bad one is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from investbot.adapters.venues.candle_blocks import Block
from investbot.domain.errors import DataError
from investbot.domain.market import DAY, Millis, Timeframe

Times = npt.NDArray[np.int64]
_MONDAY = 4 * DAY
"""1970-01-05, where weeks begin; every other timeframe counts from the epoch itself."""


class RowChecker:
    """Checks the blocks of one file in order, puts stamps on the grid of the timeframe, and remembers what was odd."""

    def __init__(self, name: str, timeframe: Timeframe) -> None:
        self._name = name
        self._timeframe = timeframe
        self._phase = _MONDAY if timeframe.text.endswith("w") else 0
        self._scale: float | None = None
        self._last: tuple[int, Millis] | None = None
        self.rows = 0
        self.first_opened_at: Millis = 0
        self.holes = 0
        self.missing = 0
        self.largest: tuple[Millis, Millis] = (0, 0)
        """Bars missing in the largest hole, and when it began."""
        self.off_grid = 0

    def check(self, block: Block) -> Times:
        """Return the opening times (milliseconds, on the grid) of a block; DataError names its first bad line."""
        if self._scale is None:
            self._scale = _scale(block.times, self._timeframe)
        stamps = block.times * self._scale
        first, complaint = _first_bad(block, stamps)
        whole: Times = stamps[:first].astype(np.int64)
        opened: Times = whole - (whole - self._phase) % self._timeframe.ms
        self._check_order(block, whole, opened)
        if complaint:
            raise DataError(f"{self._name}: line {block.lines[first]}: {complaint}.")
        self._count(whole, opened)
        return opened

    def finish(self) -> tuple[str, ...]:
        """Tell what an operator should know of a file that passed; DataError when it holds no candle."""
        if not self.rows:
            raise DataError(f"{self._name} holds no candle.")
        warnings = []
        if self.holes:
            bars, at = self.largest
            warnings.append(
                f"{self._name}: {self.holes} hole{'s' if self.holes > 1 else ''} "
                f"({self.missing} candles of {self._timeframe} missing), the largest of {bars} after {_stamp(at)}"
            )
        if self.off_grid:
            moved = f"{self.off_grid} candles do not open on a full {self._timeframe} and were moved back to it"
            warnings.append(f"{self._name}: {moved}")
        return tuple(warnings)

    def _check_order(self, block: Block, stamps: Times, opened: Times) -> None:
        before = () if self._last is None else (self._last,)
        stamps = np.concatenate((np.array([stamp for stamp, _ in before], dtype=np.int64), stamps))
        opened = np.concatenate((np.array([at for _, at in before], dtype=np.int64), opened))
        steps = np.diff(stamps)
        wrong = np.diff(opened) <= 0
        if wrong.any():
            at = int(wrong.argmax())
            line = block.lines[at + 1 - len(before)]
            if steps[at] == 0:
                complaint = f"a second candle of {_stamp(int(stamps[at]))}"
            elif steps[at] < 0:
                complaint = "the rows are not in order of time"
            else:
                complaint = f"a second candle in the {self._timeframe} from {_stamp(int(opened[at]))}"
                self._check_spacing(steps)
            raise DataError(f"{self._name}: line {line}: {complaint}.")
        if self._last is None:
            self._check_spacing(steps)

    def _check_spacing(self, steps: Times) -> None:
        """Refuse a timeframe that is not the usual distance of the rows; DataError."""
        if len(steps):
            values, counts = np.unique(steps, return_counts=True)
            usual = int(values[counts.argmax()])
            if usual != self._timeframe.ms:
                raise DataError(
                    f"{self._name}: its candles are {_length(usual)} apart, not {self._timeframe}; "
                    f"set market.timeframe to what the file holds."
                )

    def _count(self, stamps: Times, opened: Times) -> None:
        if self._last is None:
            self.first_opened_at = int(opened[0])
            joined = opened
        else:
            joined = np.concatenate((np.array([self._last[1]], dtype=np.int64), opened))
        missing = np.diff(joined) // self._timeframe.ms - 1
        holes = missing > 0
        if holes.any():
            self.holes += int(holes.sum())
            self.missing += int(missing.sum())
            at = int(missing.argmax())
            self.largest = max(self.largest, (int(missing[at]), int(joined[at])), key=lambda hole: hole[0])
        self.off_grid += int((stamps != opened).sum())
        self.rows += len(opened)
        self._last = (int(stamps[-1]), int(opened[-1]))


def _first_bad(block: Block, stamps: npt.NDArray[np.float64]) -> tuple[int, str]:
    """Find the first row that is wrong by itself: its index and what is wrong, or the number of rows and nothing."""
    opened, high, low, close = block.prices.T
    with np.errstate(invalid="ignore"):
        complaints: tuple[tuple[str, Any], ...] = (
            ("timestamp is no whole number of milliseconds", ~np.isfinite(stamps) | (np.rint(stamps) != stamps)),
            ("a price is not finite", ~np.isfinite(block.prices).all(axis=1)),
            ("volume is not finite", ~np.isfinite(block.volumes)),
            ("a price is not above zero", (block.prices <= 0).any(axis=1)),
            ("volume is below zero", block.volumes < 0),
            ("high is below low", high < low),
            ("high is below open or close", high < np.maximum(opened, close)),
            ("low is above open or close", low > np.minimum(opened, close)),
        )
    found = min(((int(mask.argmax()), place) for place, (_, mask) in enumerate(complaints) if mask.any()), default=None)
    return (len(stamps), "") if found is None else (found[0], complaints[found[1]][0])


def _scale(times: npt.NDArray[np.float64], timeframe: Timeframe) -> float:
    """Find what turns the file's stamps into milliseconds: they may be seconds, milli-, micro- or nanoseconds."""
    newest = float(np.nanmax(times)) if np.isfinite(times).any() else 0.0
    if newest > 1e17:
        return 1e-6
    if newest > 1e14:
        return 1e-3
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return 1e3 if len(steps) and steps[counts.argmax()] * 1000 == timeframe.ms else 1.0


def _stamp(at: Millis) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _length(span: Millis) -> str:
    for unit, text in ((DAY, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")):
        if span % unit == 0:
            return f"{span // unit}{text}"
    return f"{span}ms"
