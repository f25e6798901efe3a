"""One candle file of one symbol: checked whole, then read as exact candles block by block."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from investbot.adapters.venues.candle_blocks import Block, read_blocks
from investbot.adapters.venues.candle_checks import RowChecker, Times
from investbot.adapters.venues.instruments import InstrumentRules
from investbot.domain.errors import DataError
from investbot.domain.market import Bar, Candle, Instrument, Millis, Timeframe

_EXACT = 1e15
"""Float64 keeps every number of fifteen digits apart: no tick is made finer than that."""
DEFAULT_RULES = InstrumentRules()


class CandleFile:
    """A csv, csv.gz or parquet file with the columns timestamp, open, high, low, close, volume (in any order).

    Prices are put on the tick: the operator's, or the finest decimal found in the file. `check` reads the file once
    and refuses it with DataError; `candles` reads it again, so that a long file never has to fit into memory.
    """

    def __init__(self, path: Path, symbol: str, timeframe: Timeframe, rules: InstrumentRules = DEFAULT_RULES) -> None:
        self._path = path
        self._symbol = symbol
        self._timeframe = timeframe
        self._rules = rules
        self._instrument: Instrument | None = None
        self.rows = 0
        self.first_opened_at: Millis = 0
        self.warnings: tuple[str, ...] = ()

    def check(self) -> Instrument:
        """Read the whole file once; DataError with a line number when it cannot be trusted."""
        if self._instrument is None:
            checker = RowChecker(self._path.name, self._timeframe)
            decimals, highest = 0, 0.0
            for block in read_blocks(self._path):
                checker.check(block)
                highest = max(highest, float(block.prices.max()))
                decimals = _decimals(block.prices, decimals, highest)
            self.warnings = checker.finish()
            self.rows, self.first_opened_at = checker.rows, checker.first_opened_at
            while decimals and highest * 10.0**decimals >= _EXACT:
                decimals -= 1
            self._instrument = self._rules.instrument(self._symbol, Decimal(1).scaleb(-decimals))
        return self._instrument

    def candles(self, since: Millis | None = None) -> Generator[list[Candle], None, None]:
        """Read candles that open at or after `since`, some thousands at a time; DataError as in `check`."""
        tick = self.check().tick
        checker = RowChecker(self._path.name, self._timeframe)
        for block in read_blocks(self._path):
            opened = checker.check(block)
            skipped = 0 if since is None else int(np.searchsorted(opened, since))
            if skipped < len(opened):
                yield self._candles(tick, block, opened, skipped)

    def _candles(self, tick: Decimal, block: Block, opened: Times, skipped: int) -> list[Candle]:
        steps, prices = _on_tick(block.prices, tick)
        if (steps == 0).any():
            line = block.lines[int((steps == 0).any(axis=1).argmax())]
            raise DataError(
                f"{self._path.name}: line {line}: a price is below half the tick {tick:f}; "
                f"set a finer venue.instrument.tick."
            )
        symbol, timeframe, exact = self._symbol, self._timeframe, Decimal
        return [
            Candle(symbol, timeframe, at, exact(o) * tick, exact(h) * tick, exact(lo) * tick, exact(c) * tick, bar)
            for at, (o, h, lo, c), bar in zip(
                opened[skipped:].tolist(),
                steps[skipped:].tolist(),
                map(Bar._make, np.column_stack((prices, block.volumes))[skipped:].tolist()),
                strict=True,
            )
        ]


def _on_tick(prices: npt.NDArray[np.float64], tick: Decimal) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Round prices to the nearest tick: as numbers of ticks, and as the floats nearest to the exact decimals.

    A tick is m * 10**e; steps * m and 10**-e are whole numbers that float64 keeps exactly, so their quotient is the
    float that the decimal itself would become.
    """
    steps = np.rint(prices / float(tick)).astype(np.int64)
    _, digits, exponent = tick.as_tuple()
    whole = (steps * int("".join(map(str, digits)))).astype(np.float64)
    power = int(exponent)
    return steps, whole / 10.0**-power if power < 0 else whole * 10.0**power


def _decimals(prices: npt.NDArray[np.float64], decimals: int, highest: float) -> int:
    """Find how many decimals it takes to write these prices exactly, at least `decimals`, within fifteen digits."""
    while highest * 10.0 ** (decimals + 1) < _EXACT:
        scale = 10.0**decimals
        if (np.rint(prices * scale) / scale == prices).all():
            break
        decimals += 1
    return decimals
