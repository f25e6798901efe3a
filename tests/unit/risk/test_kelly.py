"""What a record is worth risking: Kelly's fraction, a part of it, and never over the rules."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.risk.gate import Denial
from investbot.risk.kelly import Record, full_kelly, risk_share
from tests.unit.risk.builders import denied, sized

D = Decimal


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (Record(100, 60, D(60), D(40)), D("0.2")),  # even money: p - q
        (Record(100, 50, D(100), D(50)), D("0.25")),  # two to one: p - q / 2
        (Record(100, 50, D(100), D(25)), D("0.75")),  # and half a loss: p / 0.5 - q / 2
        (Record(100, 50, D(50), D(50)), D(0)),
        (Record(100, 40, D(40), D(60)), D("-0.2")),
        (Record(10, 10, D(12), D(0)), D(1)),
        (Record(10, 9, D(12), D(0)), D(1)),  # one that came out even
        (Record(10, 9, D(900), D("0.0001")), D(1)),
        (Record(10, 0, D(0), D(10)), D(-1)),
        (Record(10, 1, D(0), D(10)), D(-1)),
    ],
)
def test_full_kelly(record: Record, wanted: Decimal) -> None:
    assert full_kelly(record) == wanted


GOOD = Record(100, 50, D(100), D(50))


def test_kelly_is_off_until_it_is_asked_for_and_knows_enough() -> None:
    assert risk_share(RiskRules(), GOOD) == D("0.01")
    quarter = RiskRules(kelly_fraction=D("0.25"), risk_fraction=D("0.5"))
    assert risk_share(quarter, None) == D("0.5")
    assert risk_share(quarter, Record(29, 20, D(20), D(9))) == D("0.5")
    assert risk_share(quarter, GOOD) == D("0.0625")
    assert risk_share(replace(quarter, kelly_trips=100), GOOD) == D("0.0625")
    assert risk_share(RiskRules(kelly_fraction=D("0.25"), risk_fraction=D("0.5"), kelly_trips=101), GOOD) == D("0.5")


def test_the_rules_cap_kelly() -> None:
    assert risk_share(RiskRules(kelly_fraction=D(1)), GOOD) == D("0.01")


def test_without_an_edge_nothing_is_risked_and_the_figures_say_why() -> None:
    rules = RiskRules(kelly_fraction=D("0.25"))
    assert risk_share(rules, Record(100, 40, D(40), D(60))) == Denial(
        "kelly",
        "Net of costs 40 of 100 round trips won 40 R and the others lost 60 R: no edge, so full Kelly is -0.2 and "
        "nothing is risked; risk.kelly_fraction = 0 switches this off.",
        "-0.2",
        "0",
    )
    assert isinstance(risk_share(rules, Record(100, 50, D(50), D(50))), Denial)
    assert denied(risk=rules, record=Record(100, 40, D(40), D(60))).limit == "kelly"


def test_the_size_says_which_rule_allowed_least() -> None:
    wide = {"exits": ExitRules(stop_fraction=D("0.01")), "costs": CostRules(D(0), D(0), D(0))}
    assert sized(**wide).limited_by == "position_fraction"
    large = RiskRules(position_fraction=D(1))
    assert sized(**wide, risk=large).limited_by == "risk_fraction"
    assert sized(**wide, risk=large, cash=D(100)).limited_by == "cash"
    thin = RiskRules(position_fraction=D(1), kelly_fraction=D("0.01"))
    by_kelly = sized(**wide, risk=thin, record=GOOD)
    assert by_kelly.limited_by == "kelly"
    assert by_kelly.worst_loss <= D("0.0025") * 500
    assert by_kelly.worst_loss > D("0.0024") * 500
    assert sized(**wide, risk=thin).quantity > 3 * by_kelly.quantity
