"""What findings have in common."""

from __future__ import annotations

from enum import IntEnum


class Side(IntEnum):
    """Which end of the market a finding belongs to: highs and rising, or lows and falling."""

    HIGH = 1
    LOW = -1
