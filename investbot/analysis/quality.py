"""Is a bar believable? A wrong print, a split or a relisting must not lead to an entry."""

from __future__ import annotations

from investbot.domain.market import Bar


class OutlierFilter:
    """Flags a bar whose move from the last close is far beyond the usual, in constant time and without a clock.

    The move of a bar is max(high / last close, last close / low) - 1, a fraction. The usual move is its exponential
    mean (`memory` bars). A bar is flagged when its move is over `floor` and over `factor` times the usual. The mean
    begins at `floor`, so that a young series flags only what is absurd, and takes at most the threshold from a flagged
    bar, so that one wrong print does not hide the next while a wilder market is learnt within a few bars. A frozen
    bar (no range) is no outlier.
    """

    __slots__ = ("_factor", "_floor", "_gain", "_keep", "_last", "_threshold")

    def __init__(self, factor: float = 12.0, floor: float = 0.05, memory: int = 50) -> None:
        """Take the threshold's `factor` and `floor` (a fraction), and the `memory` of the mean in bars."""
        self._factor = factor
        self._floor = floor
        self._keep = 1.0 - 1.0 / memory
        self._gain = factor / memory
        self._threshold = factor * floor  # factor * the usual move, carried as one number
        self._last = 0.0

    def review(self, bar: Bar) -> str | None:
        """Give the reason why a bar is not to be trusted, None when it is; every closed bar passes here once."""
        _, high, low, close, _ = bar
        if low <= 0.0:
            return f"its low of {low:g} is not a price"
        last = self._last or close
        self._last = close
        up = high / last
        down = last / low
        move = up - 1.0 if up > down else down - 1.0
        threshold = self._threshold
        if move <= threshold or move <= self._floor:
            self._threshold = threshold * self._keep + move * self._gain
            return None
        self._threshold = threshold * self._keep + threshold * self._gain
        return (
            f"it moved {'up' if up > down else 'down'} by a factor of {move + 1.0:.6g} from the last close {last:.8g}, "
            f"{move * self._factor / threshold:.0f} times the usual move; over {self._factor:g} times is not trusted"
        )
