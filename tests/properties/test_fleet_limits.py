"""Limits of the fleet over random fleets: they bind, they let go, and they never mix what does not belong together."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from investbot.supervisor.fleet_limits import CAUSE, DAILY_LOSS, EXPOSURE, OPEN_RISK, FleetLimits, breaches, wishes

NOW = 1_767_355_445_000
MONEY = st.integers(0, 400).map(Decimal)
FRACTION = st.sampled_from([Decimal(0), Decimal("0.05"), Decimal("0.1"), Decimal("0.5")])
LIMITS = st.builds(FleetLimits, open_risk=FRACTION, daily_loss=FRACTION, base_exposure=FRACTION)
CAUSES = st.sampled_from([DAILY_LOSS, OPEN_RISK, f"{EXPOSURE}BTC", "operator", "stale:BTC/USDT"])


@st.composite
def fleets(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 6))
    return [
        {
            "name": f"i{number}",
            "state": draw(st.sampled_from(["RUNNING", "RUNNING", "STOPPED"])),
            "mode": draw(st.sampled_from(["paper", "live"])),
            "symbols": [draw(st.sampled_from(["BTC/USDT", "ETH/USDT", "BTC/EUR"]))],
            "capital": str(draw(st.integers(1, 1000))),
            "day_pnl": str(-draw(MONEY)),
            "open_risk": str(draw(MONEY)),
            "exposure": {"BTC": str(draw(MONEY))} if draw(st.booleans()) else {},
            "paused": dict.fromkeys(draw(st.lists(CAUSES, max_size=2)), "why"),
            "last_candle_at": "2020-01-01T00:00:00Z",
        }
        for number in range(count)
    ]


def granted(rows: list[dict[str, Any]], limits: FleetLimits) -> list[dict[str, Any]]:
    """Do to the rows what is wished for, as the instances would."""
    after = copy.deepcopy(rows)
    by_name = {row["name"]: row for row in after}
    for wish in wishes(rows, breaches(rows, limits, NOW)):
        if wish.sentence is None:
            del by_name[wish.name]["paused"][wish.cause]
        else:
            assert wish.cause not in by_name[wish.name]["paused"]
            by_name[wish.name]["paused"][wish.cause] = f"paused by {wish.sentence}"
    return after


def over(rows: list[dict[str, Any]], limits: FleetLimits, mode: str, quote: str) -> dict[str, bool]:
    """Say by plain arithmetic which limits a group has broken."""
    mine = [row for row in rows if (row["mode"], row["symbols"][0].split("/")[1]) == (mode, quote)]
    capital = sum(Decimal(row["capital"]) for row in mine)
    risk = sum(Decimal(row["open_risk"]) for row in mine)
    lost = -sum(Decimal(row["day_pnl"]) for row in mine if row["state"] == "RUNNING")
    return {
        OPEN_RISK: limits.open_risk > 0 and risk > limits.open_risk * capital,
        DAILY_LOSS: limits.daily_loss > 0 and lost >= limits.daily_loss * capital,
    }


@given(fleets(), LIMITS)
def test_who_belongs_to_a_broken_limit_is_paused_and_nobody_else_is(
    rows: list[dict[str, Any]], limits: FleetLimits
) -> None:
    clean = [{**row, "paused": {}} for row in rows]
    for row in granted(clean, limits):
        if row["state"] == "RUNNING":
            broken = over(clean, limits, row["mode"], row["symbols"][0].split("/")[1])
            assert {cause: cause in row["paused"] for cause in broken} == broken
        else:
            assert row["paused"] == {}


@given(fleets(), LIMITS)
def test_once_granted_nothing_more_is_wished(rows: list[dict[str, Any]], limits: FleetLimits) -> None:
    after = granted(rows, limits)
    assert wishes(after, breaches(after, limits, NOW)) == []


@given(fleets(), LIMITS)
def test_other_causes_are_never_touched(rows: list[dict[str, Any]], limits: FleetLimits) -> None:
    after = granted(rows, limits)
    for before, row in zip(rows, after, strict=True):
        assert {c for c in before["paused"] if not c.startswith(CAUSE)} == {
            c for c in row["paused"] if not c.startswith(CAUSE)
        }


@given(fleets(), LIMITS)
def test_without_limits_all_go_on(rows: list[dict[str, Any]], limits: FleetLimits) -> None:
    after = granted(granted(rows, limits), FleetLimits())
    assert [row["name"] for row in after if row["state"] == "RUNNING" and any(map(is_ours, row["paused"]))] == []


def is_ours(cause: str) -> bool:
    return cause.startswith(CAUSE)


@given(fleets(), LIMITS)
def test_a_loss_stands_for_the_rest_of_its_day(rows: list[dict[str, Any]], limits: FleetLimits) -> None:
    after = granted(rows, limits)
    recovered = [{**row, "day_pnl": "1000"} for row in after]
    again = granted(recovered, limits)
    tomorrow = breaches(again, limits, NOW + 86_400_000)
    for row, later in zip(after, again, strict=True):
        if row["state"] == "RUNNING" and limits.daily_loss and "daily loss of" in row["paused"].get(DAILY_LOSS, ""):
            assert DAILY_LOSS in later["paused"]
            assert not any(each.cause == DAILY_LOSS and later["name"] in each.names for each in tomorrow)


@given(fleets(), LIMITS)
def test_paper_never_pauses_real_money(rows: list[dict[str, Any]], limits: FleetLimits) -> None:
    live = [row for row in rows if row["mode"] == "live"]
    alone = set(breaches(live, limits, NOW))
    together = {each for each in breaches(rows, limits, NOW) if each.group.startswith("live ")}
    assert alone == together
