"""Numbers inside reasons, as a human writes them."""

from __future__ import annotations

from decimal import Decimal


def plain(number: float) -> str:
    """Write a number with seven significant digits and never an exponent (memecoins trade at 0.00001)."""
    return format(Decimal(f"{number:.7g}"), "f")
