"""Results by kind: counted, weighed, and those without a kind under one name."""

from __future__ import annotations

from typing import Any

from investbot.research.setups import results_by


def trip(setup: str, net: str, r: str, costs: str = "0.1") -> dict[str, Any]:
    return {"setup": setup, "symbol": "BTC/USDT", "net_pnl": net, "r": r, "costs": costs}


def test_round_trips_are_summed_up_by_their_set_up() -> None:
    trips = [trip("sweep", "2", "1.5"), trip("gap", "-1", "-1"), trip("sweep", "-1", "-1"), trip("sweep", "0.5", "0")]
    assert results_by("setup", trips) == [
        {
            "setup": "sweep",
            "trips": 3,
            "win_rate": "0.6667",
            "mean_r": "0.1667",
            "net_pnl": "1.5",
            "costs": "0.3",
            "profit_factor": "2.5000",
        },
        {
            "setup": "gap",
            "trips": 1,
            "win_rate": "0.0000",
            "mean_r": "-1.0000",
            "net_pnl": "-1",
            "costs": "0.1",
            "profit_factor": "0.0000",
        },
    ]


def test_without_a_loss_there_is_no_factor_and_without_a_kind_there_is_a_name() -> None:
    (row,) = results_by("setup", [trip("", "2", "1")])
    assert (row["setup"], row["profit_factor"]) == ("(none)", None)
    (row,) = results_by("symbol", [trip("a", "1", "1"), trip("b", "1", "1")])
    assert (row["symbol"], row["trips"]) == ("BTC/USDT", 2)
    assert results_by("setup", []) == []


def test_equal_counts_come_in_the_order_of_their_names() -> None:
    assert [row["setup"] for row in results_by("setup", [trip("b", "1", "1"), trip("a", "1", "1")])] == ["a", "b"]
