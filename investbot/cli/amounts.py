"""Amounts of money and prices as an operator types them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from investbot.domain.errors import UsageError


def amount(text: str, what: str) -> Decimal:
    """Read a decimal number (quote); UsageError for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        message = f"{what[0].upper()}{what[1:]} must be a number such as 500 or 0.25, not {text!r}."
        raise UsageError(message)
    return value


def wire(value: Decimal) -> str:
    """Write an amount as the control socket takes it: digits, without exponent."""
    return format(value, "f")
