"""Numbers in reasons read like numbers."""

from __future__ import annotations

import pytest

from investbot.strategies.words import plain


@pytest.mark.parametrize(
    ("number", "text"),
    [(42000.0, "42000"), (0.0000123456789, "0.00001234568"), (98.1, "98.1"), (1234567.0, "1234567"), (-0.5, "-0.5")],
)
def test_seven_digits_and_no_exponent(number: float, text: str) -> None:
    assert plain(number) == text
