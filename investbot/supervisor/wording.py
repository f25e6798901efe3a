"""Figures as people read them."""

from __future__ import annotations

from decimal import Decimal

from investbot.domain.market import DAY, HOUR, MINUTE, SECOND, Millis

_UNITS = (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))


def plain(value: Decimal | None) -> str:
    """Write a figure without needless zeros; – for none."""
    if value is None:
        return "–"
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def signed(value: Decimal, places: int = 8) -> str:
    """Write a figure with its sign and at most so many decimals."""
    rounded = round(value, places)
    return f"+{plain(rounded)}" if rounded > 0 else plain(rounded)


def span(ms: Millis) -> str:
    """Write a duration in its two largest units."""
    parts = []
    for unit, length in _UNITS:
        count, ms = divmod(ms, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
