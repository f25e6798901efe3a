"""The equity at which trading stops for the day, or until an operator resumes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.domain.rules import RiskRules
from investbot.risk.breaches import Floors, breach, breach_at, floors
from tests.unit.risk.builders import view

D = Decimal


def test_floors_follow_their_formulas() -> None:
    bounds = floors(capital=D(500), day_start_equity=D(520), peak=D(600), rules=RiskRules())
    assert bounds == Floors(daily_loss=D(505), drawdown=D(540))


@pytest.mark.parametrize(
    ("equity", "wanted"),
    [
        ("505.00000001", None),
        ("505", "daily_loss"),
        ("490.00000001", "daily_loss"),
        ("490", "drawdown"),
        ("0", "drawdown"),
    ],
)
def test_the_bound_itself_is_a_breach_and_the_drawdown_outranks(equity: str, wanted: str | None) -> None:
    assert breach_at(D(equity), Floors(daily_loss=D(505), drawdown=D(490))) == wanted


def test_whatever_knows_the_sums_can_be_asked() -> None:
    rules = RiskRules()
    assert breach(view(), rules) is None
    assert breach(view(equity=D(485)), rules) == "daily_loss"
    assert breach(view(equity=D(485), day_start_equity=D(490)), rules) is None
    assert breach(view(equity=D(485), peak=D(600)), rules) == "drawdown"
