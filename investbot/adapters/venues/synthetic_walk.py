"""The random walk behind the synthetic market: GARCH(1,1) volatility, regimes of drift, jumps, a pull to the start.

Volatility clusters as in Bollerslev (1986): h = w (1 - a - b) + a r² + b h, r the last return without jumps. The raw
words of PCG64, whose stream numpy promises to keep, become uniforms and by Box and Muller (1958) normals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from investbot.domain.market import DAY, Millis

YEARLY_VOLATILITY = 0.7
ARCH, GARCH = 0.08, 0.90
REGIMES = (0.0, 0.13, -0.13, 0.0, 0.09, -0.09)
"""Drift of a bar in standard deviations: quiet, up, down, quiet, gently up, gently down."""
REGIME_CHANGE = 1 / 150
"""Chance that a bar begins another regime."""
JUMP, JUMP_SIZE = 1 / 400, 6.0
"""Chance of a jump in a bar, and its standard deviation in those of the bar."""
PULL = 2e-4
"""Part of the distance to the start price (in logs) that a bar takes back, so that an endless walk stays sane."""
WICK = 0.6
"""Mean reach of high and low beyond open and close, in standard deviations."""
QUOTE_A_BAR = 2_000_000.0
"""Usual turnover of a bar in quote."""
_BLOCK = 512
_UNIFORMS, _NORMALS = 3, 6


def walk(
    seed: int, symbol: str, start: float, bar_ms: Millis, volatility: float | None = None
) -> Iterator[tuple[float, float, float, float, float]]:
    """Make bars for ever: open, high, low, close (quote per base) and volume (base); the next opens at the close.

    `volatility` is the standard deviation of a bar's return as a fraction; None = the usual one of a year, scaled.
    """
    base = YEARLY_VOLATILITY**2 * bar_ms / (365 * DAY) if volatility is None else volatility**2
    variance, shock, drift, close = base, 0.0, REGIMES[0], start
    for chance, kind, leap, (z, up, down, size, busy, _) in _draws(seed, symbol):
        if chance < REGIME_CHANGE:
            drift = REGIMES[int(kind * len(REGIMES))]
        variance = base * (1 - ARCH - GARCH) + ARCH * shock * shock + GARCH * variance
        deviation = math.sqrt(variance)
        shock = deviation * z
        change = shock + drift * deviation - PULL * math.log(close / start)
        if leap < JUMP:
            change += JUMP_SIZE * deviation * size
        opened, close = close, close * math.exp(change)
        high = max(opened, close) * (1 + WICK * deviation * abs(up))
        low = min(opened, close) / (1 + WICK * deviation * abs(down))
        volume = QUOTE_A_BAR / start * math.exp(0.5 * busy) * (0.5 + abs(change) / deviation)
        yield opened, high, low, close, round(volume, 6)


def _draws(seed: int, symbol: str) -> Iterator[tuple[float, float, float, list[float]]]:
    """Draw for each bar three uniforms and six normals."""
    entropy = int.from_bytes(sha256(f"{seed}|{symbol}".encode()).digest(), "big")
    words = np.random.PCG64(np.random.SeedSequence(entropy))
    width = _UNIFORMS + _NORMALS
    while True:
        raw: npt.NDArray[np.uint64] = words.random_raw(_BLOCK * width)
        uniforms = (((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53).reshape(_BLOCK, width)
        pairs = uniforms[:, _UNIFORMS:].reshape(_BLOCK, _NORMALS // 2, 2)
        radius, angle = np.sqrt(-2 * np.log(pairs[:, :, 0])), 2 * np.pi * pairs[:, :, 1]
        normals = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
        for (chance, kind, leap), normal in zip(uniforms[:, :_UNIFORMS].tolist(), normals.tolist(), strict=True):
            yield chance, kind, leap, normal
