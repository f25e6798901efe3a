"""Prices, distances and sizes, each by hand once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from investbot.domain.market import Instrument
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.risk.gate import Denial
from investbot.risk.rules import FEE_ROUNDING, rungs, stop_distance, stop_for, target_for, unit_loss
from tests.unit.risk.builders import BTC, denied, sized

D = Decimal
FREE = CostRules(taker_fee=D(0), maker_fee=D(0), slippage=D(0))
WIDE = RiskRules(position_fraction=D(1), risk_fraction=D(1), entry_band=D(0))


def distance(price: str, instrument: Instrument = BTC, **changes: Any) -> Decimal:
    atr, stop = changes.pop("atr", None), changes.pop("signal_stop", None)
    result = stop_distance(ExitRules(**changes), D(price), instrument, atr=atr, signal_stop=stop)
    assert isinstance(result, Decimal)
    return result


def no_distance(price: str, instrument: Instrument = BTC, **changes: Any) -> Denial:
    atr, stop = changes.pop("atr", None), changes.pop("signal_stop", None)
    result = stop_distance(ExitRules(**changes), D(price), instrument, atr=atr, signal_stop=stop)
    assert isinstance(result, Denial)
    return result


def test_a_stop_lies_on_the_tick_above_never_further_than_its_distance() -> None:
    assert stop_for(D("42000.005"), D("0.01"), BTC) == D("41580.01")
    assert stop_for(D(42000), D("0.01"), BTC) == D("41580.00")


def test_a_target_lies_on_the_tick_above_never_nearer_than_its_distance() -> None:
    assert target_for(D("42000.005"), D("0.02"), BTC) == D("42840.01")
    assert target_for(D(42000), D("0.02"), BTC) == D("42840.00")


def test_rungs_take_whole_lots_and_the_last_takes_the_rest() -> None:
    coarse = Instrument("X/USDT", D("0.01"), D("0.1"))
    thirds = (D(1) / 3, D(1) / 3, D(1) / 3)
    assert rungs(D("1.0"), thirds, coarse) == (D("0.3"), D("0.3"), D("0.4"))
    assert rungs(D("1.0"), (D(1),), coarse) == (D("1.0"),)
    assert rungs(D("0.1"), (D("0.5"), D("0.5")), coarse) == (D("0.0"), D("0.1"))
    assert rungs(D("1.0"), (), coarse) == ()


def test_the_fixed_stop_is_the_usual_one() -> None:
    assert distance("42000") == D("0.01")
    assert distance("42000", stop_fraction=D("0.007")) == D("0.007")
    assert distance("42000", stop_atr=D(2), stop_fraction=D("0.007"), atr=None) == D("0.007")
    assert distance("42000", stop_atr=D(2), stop_fraction=D("0.007"), atr=float("nan")) == D("0.007")
    assert distance("42000", stop_structure=True, stop_fraction=D("0.007")) == D("0.007")
    assert distance("42000", stop_structure=True, stop_fraction=D("0.007"), signal_stop=float("inf")) == D("0.007")
    assert distance("42000", stop_fraction=D("0.007"), atr=100.0, signal_stop=41700.0) == D("0.007")


def test_the_stop_by_movement_is_clamped() -> None:
    assert distance("40000", stop_atr=D("1.5"), atr=200.0) == D("0.0075")
    assert distance("40000", stop_atr=D("1.5"), atr=2000.0) == D("0.01")
    assert D("0.005") < distance("40000", stop_atr=D("1.5"), atr=2.0) < D("0.0050003")


def test_the_structures_stop_comes_first_and_is_never_pulled_inside_it() -> None:
    rules: dict[str, Any] = {"stop_structure": True, "stop_atr": D(1), "atr": 240.0}
    assert distance("40000", signal_stop=39720.0, **rules) == D("0.007")
    assert D("0.005") < distance("40000", signal_stop=39990.0, **rules) < D("0.0050003")
    assert D("0.005") < distance("40000", signal_stop=40010.0, **rules) < D("0.0050003")
    assert distance("40000", signal_stop=39600.0, **rules) == D("0.01")
    assert no_distance("40000", signal_stop=39599.0, **rules) == Denial(
        "stop_band", "The signal's own stop lies 0.010025 of the price away; stop_max is 0.01.", "0.010025", "0.01"
    )


def test_a_tick_too_coarse_for_the_band_is_refused_with_its_share_of_the_price() -> None:
    coarse = Instrument("PEPE/USDT", D("0.00000001"), D(1))
    assert distance("0.0000025", coarse) == D("0.01")
    assert no_distance("0.0000020", coarse) == Denial(
        "stop_band",
        "No stop fits between stop_min 0.005 and stop_max 0.01 at 0.000002: one tick of 0.00000001 is 0.005 of the "
        "price.",
        "0.005",
        "0.005",
    )


def test_a_band_without_room_takes_its_far_edge_where_the_tick_is_fine() -> None:
    assert distance("42000", stop_min=D("0.01"), stop_max=D("0.01")) == D("0.01")
    at_most = Instrument("X/USDT", D("0.0001"), D(1))
    assert distance("1", at_most, stop_min=D("0.01"), stop_max=D("0.01")) == D("0.01")
    coarser = Instrument("X/USDT", D("0.000101"), D(1))
    assert no_distance("1", coarser, stop_min=D("0.01"), stop_max=D("0.01")).limit == "stop_band"


def test_the_last_tick_that_fits_still_lies_inside_the_band() -> None:
    coarse = Instrument("X/USDT", D(1), D("0.001"))
    price = D(1) / (D("0.005") * D("0.9")) + 1
    found = distance(str(price), coarse)
    for entry in (price, price * D("0.9")):
        stop = stop_for(entry, found, coarse)
        assert D("0.005") <= (entry - stop) / entry <= D("0.01")
    assert no_distance(str(price - 2), coarse).limit == "stop_band"


def test_what_one_unit_can_lose() -> None:
    costs = CostRules(taker_fee=D("0.001"), slippage=D("0.0005"))
    kept = D("0.99") * D("0.9995") * D("0.999")
    assert unit_loss(D(42084), D("0.01"), costs, BTC) == D(42084) * (D("1.001") - kept) + D("0.01") * D("0.999")
    assert unit_loss(D(100), D("0.01"), FREE, BTC) == D(1)


def test_the_default_profile_by_hand() -> None:
    result = sized()
    assert result.limit_price == D("42084.00")
    assert result.expected_entry == D("42021.00")
    assert result.quantity == D("0.00023")
    assert result.notional == D("0.00023") * D(42084)
    assert result.stop_distance == D("0.01")
    assert result.stop == D("41600.79")
    assert result.targets == ((D("42861.42"), D(1)),)
    assert result.net_reward == D("0.00023") * (D("42861.42") * D("0.999") - D(42021) * D("1.001"))
    loss = unit_loss(D(42084), D("0.01"), CostRules(), BTC)
    assert result.worst_loss == D("0.00023") * loss + FEE_ROUNDING
    assert D("1.43") < result.net_reward / result.worst_loss < D("1.45")


def test_each_of_the_three_bounds_can_be_the_tightest() -> None:
    fine = Instrument("X/USDT", D("0.01"), D("0.00000001"))
    common: dict[str, Any] = {"instrument": fine, "costs": FREE, "price": D(100), "cash": D(500)}
    assert sized(risk=RiskRules(position_fraction=D("0.1"), entry_band=D(0)), **common).quantity == D("0.5")
    by_risk = RiskRules(position_fraction=D(1), risk_fraction=D("0.002"), entry_band=D(0))
    assert sized(risk=by_risk, **common).quantity == D("0.999999")
    assert sized(risk=WIDE, **(common | {"cash": D(200)})).quantity == D("1.99999999")


def test_the_limit_is_never_under_the_expected_entry() -> None:
    result = sized(risk=RiskRules(entry_band=D(0)))
    assert result.limit_price == result.expected_entry == D("42000.00")


def test_the_limit_lies_on_the_tick_above_its_band() -> None:
    assert sized(price=D("42000.01")).limit_price == D("42084.02")


def test_a_hair_less_than_a_lot_is_not_rounded_up_to_it() -> None:
    whole = Instrument("X/USDT", D("0.01"), D(1))
    hair: dict[str, Any] = {"instrument": whole, "costs": FREE, "risk": WIDE, "price": D(3), "cash": D(500)}
    assert sized(capital=D(3), **hair).quantity == 1
    assert denied(capital=D("2.9999999999999999999999999"), **hair).limit == "lot"


def test_a_ladder_brings_the_sum_of_its_rungs() -> None:
    fine = Instrument("X/USDT", D("0.01"), D("0.01"))
    exits = ExitRules(targets=((D("0.01"), D("0.5")), (D("0.03"), D("0.5"))))
    result = sized(instrument=fine, costs=FREE, risk=WIDE, exits=exits, price=D(100), cash=D("499"))
    assert result.quantity == D("4.98")
    assert result.targets == ((D("101.00"), D("0.5")), (D("103.00"), D("0.5")))
    assert result.net_reward == D("2.49") * 1 + D("2.49") * 3


def test_without_a_target_nothing_is_promised() -> None:
    assert sized(exits=ExitRules(targets=())).net_reward == 0


def test_less_than_a_lot_is_refused() -> None:
    whole = Instrument("BTC/USDT", D("0.01"), D(1))
    assert denied(instrument=whole) == Denial(
        "lot", "The rules allow 0.00023762 BTC at 42084, less than one lot of 1.", "0.00023762", "1"
    )


@pytest.mark.parametrize("changes", [{"cash": D(0)}, {"cash": D(-1)}, {"capital": D(0)}])
def test_nothing_to_spend_buys_nothing(changes: dict[str, Any]) -> None:
    denial = denied(**changes)
    assert (denial.limit, denial.value) == ("lot", "0")


def test_a_stop_that_fits_nowhere_is_told_by_the_size() -> None:
    assert denied(price=D("1.00")).limit == "stop_band"
