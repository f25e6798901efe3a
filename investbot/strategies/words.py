"""Numbers inside reasons, as a human writes them."""

from __future__ import annotations

from decimal import Decimal


def plain(number: float) -> str:
    """Write a number with seven significant digits and never an exponent (memecoins trade at 0.00001)."""
    text = f"{number:.7g}"
    return format(Decimal(text), "f") if "e" in text or "n" in text else text
