"""Writes candle files for tests."""

from __future__ import annotations

import gzip
from pathlib import Path

HEADER = "timestamp,open,high,low,close,volume"
MINUTE = 60_000
START = 1_704_067_200_000


def row(minute: int, price: float = 100.0, *, start: int = START) -> str:
    """Make a candle around `price`, a cent wide."""
    return f"{start + minute * MINUTE},{price},{price + 0.02:.2f},{price - 0.02:.2f},{price + 0.01:.2f},{1.5 + minute}"


def rows(count: int, *, first: int = 0) -> list[str]:
    return [row(minute, 100 + (minute % 7) / 10) for minute in range(first, first + count)]


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    text = "".join(f"{line}\n" for line in ([header, *lines] if header else lines))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path
