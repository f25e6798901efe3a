"""Decimal arithmetic inside SQL: sums of money are made by Python's Decimal, never by SQLite's floats."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation
from typing import Any

from investbot.domain.order import DONE, OrderState

EXACT = Context(prec=200, traps=[InvalidOperation, DivisionByZero, Inexact])
"""Wide enough for every sum and product of prices and quantities; rounding is an error."""

ROUNDED = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero])

BOOK_STEP = Decimal("1e-12")
"""Step of the two figures that cannot be exact, because they divide: average prices and the cost of what is left."""


def text(value: Decimal) -> str:
    """Write a sum as plain decimal digits without trailing zeros."""
    return format(ROUNDED.normalize(value), "f")


def money_add(left: str, right: str) -> str:
    """Add two decimal texts exactly."""
    return text(EXACT.add(Decimal(left), Decimal(right)))


def average(total: str, count: str) -> str:
    """Divide two decimal texts, rounded half-even to 1e-12; `0` of nothing."""
    divisor = Decimal(count)
    if not divisor:
        return "0"
    return text(ROUNDED.divide(Decimal(total), divisor).quantize(BOOK_STEP, context=ROUNDED))


def cost_left(cost: str, held: str, gone: str) -> str:
    """Say what the rest of a position cost (quote) when `gone` of `held` base is sold: pro rata, rounded to 1e-12."""
    before, sold = Decimal(held), Decimal(gone)
    if sold >= before:
        return "0"
    share = ROUNDED.divide(ROUNDED.multiply(Decimal(cost), before - sold), before)
    return text(share.quantize(BOOK_STEP, context=ROUNDED))


def order_state(state: str, quantity: str, filled: str) -> str:
    """Name the state of an order after a fill; a late fill does not wake an order that ended short of its quantity."""
    if Decimal(filled) >= Decimal(quantity):
        return OrderState.FILLED.value
    return state if OrderState(state) in DONE else OrderState.PARTLY_FILLED.value


class MoneySum:
    """The aggregate `money_sum`: adds decimal texts exactly; NULL of no rows, as every aggregate here."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: str) -> None:
        """Take one row."""
        self._total = EXACT.add(self._total, Decimal(value))

    def finalize(self) -> str:
        """Give the sum."""
        return text(self._total)


def install(connection: Any) -> None:
    """Make the functions known to one connection."""
    connection.create_function("money_add", 2, money_add)
    connection.create_function("average", 2, average)
    connection.create_function("cost_left", 3, cost_left)
    connection.create_function("order_state", 3, order_state)
    connection.create_aggregate("money_sum", 1, MoneySum)
