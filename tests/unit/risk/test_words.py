"""Numbers in refusals: the exact one, and one for the eye."""

from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.risk.words import plain, rounded


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("10.00", "10"),
        ("1E+3", "1000"),
        ("1E-8", "0.00000001"),
        ("0.00", "0"),
        ("-0.50", "-0.5"),
        ("12.3456", "12.3456"),
    ],
)
def test_plain_is_exact_and_without_exponent(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "text"), [("12.34567891", "12.3457"), ("0.0000123456789", "0.0000123457"), ("42084.00", "42084")]
)
def test_rounded_has_six_digits(number: str, text: str) -> None:
    assert rounded(Decimal(number)) == text
