"""How much of the capital a record of results is worth risking."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

from investbot.domain.rules import RiskRules
from investbot.risk.gate import Denial
from investbot.risk.words import plain, rounded

_DOWN = Context(prec=20, rounding=ROUND_FLOOR)
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Record:
    """What the closed round trips came to, net of costs: `gains` and `losses` are sums of R (losses above zero)."""

    trips: int
    wins: int
    gains: Decimal
    losses: Decimal


def full_kelly(record: Record) -> Decimal:
    """Give the fraction of capital whose repeated risk grows fastest: p / a - (1 - p) / b; at most 1.

    p is the part of trips that won, b their mean gain in R, a the mean loss of the others in R. A record without a win
    is worth nothing, one without a loss everything. Source: J. L. Kelly, Bell System Technical Journal 35 (1956), for
    unequal payoffs; rounded down.
    """
    wins, others = Decimal(record.wins), Decimal(record.trips - record.wins)
    if not record.wins or not record.gains:
        return -_ONE
    if not record.losses or not others:
        return _ONE
    won, lost = wins / record.trips, others / record.trips
    mean_loss, mean_gain = record.losses / others, record.gains / wins
    return min(_DOWN.subtract(_DOWN.divide(won, mean_loss), _DOWN.divide(lost, mean_gain)), _ONE)


def risk_share(rules: RiskRules, record: Record | None) -> Decimal | Denial:
    """Give the fraction of capital one entry may lose: `kelly_fraction` of full Kelly, never over `risk_fraction`.

    `risk_fraction` itself where `kelly_fraction` is 0 and until there are `kelly_trips` results. A Denial `kelly` when
    the record shows no edge, for what has none is not worth any risk.
    """
    if not rules.kelly_fraction or record is None or record.trips < rules.kelly_trips:
        return rules.risk_fraction
    full = full_kelly(record)
    if full <= 0:
        return Denial(
            "kelly",
            f"Net of costs {record.wins} of {record.trips} round trips won {rounded(record.gains)} R and the others "
            f"lost {rounded(record.losses)} R: no edge, so full Kelly is {rounded(full)} and nothing is risked; "
            "risk.kelly_fraction = 0 switches this off.",
            plain(full),
            "0",
        )
    return min(rules.kelly_fraction * full, rules.risk_fraction)
