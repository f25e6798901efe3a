"""Numbers inside reasons, exactly as they are."""

from __future__ import annotations

from decimal import Decimal


def plain(number: Decimal) -> str:
    """Write a number without an exponent and without trailing zeros."""
    return format(number.normalize(), "f") if number else "0"


def rounded(number: Decimal) -> str:
    """Write a number with six significant digits, for the eye; the exact one goes beside it in `value`."""
    return plain(Decimal(f"{number:.6g}"))
