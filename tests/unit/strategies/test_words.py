"""Numbers in reasons read like numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.strategies.words import plain


@pytest.mark.parametrize(
    ("number", "text"),
    [(42000.0, "42000"), (0.0000123456789, "0.00001234568"), (98.1, "98.1"), (1234567.0, "1234567"), (-0.5, "-0.5")],
)
def test_seven_digits_and_no_exponent(number: float, text: str) -> None:
    assert plain(number) == text


@given(st.floats())
def test_it_is_what_the_decimal_says(number: float) -> None:
    assert plain(number) == format(Decimal(f"{number:.7g}"), "f")
