"""Whatever the price, tick, lot and rules: a sized entry keeps every promise, checked in exact fractions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial

from hypothesis import assume, given
from hypothesis import strategies as st

from investbot.domain.market import MINUTE, Instrument, Timeframe
from investbot.domain.order import Side
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.risk.gate import Denial, RiskGate, RiskView
from investbot.risk.kelly import Record, full_kelly
from investbot.risk.limits import default_limits
from investbot.risk.rules import FEE_ROUNDING, FILL_FLOOR, Sized, rungs, size_entry, stop_for
from investbot.simulation.pricing import fee, slipped

AT = 1_704_067_200_000

mantissas = st.integers(1, 99_999)
fractions = st.integers(1, 1000).map(lambda n: Decimal(n) / 1000)
rates = st.integers(0, 100).map(lambda n: Decimal(n) / 10_000)


@st.composite
def instruments(draw: st.DrawFn) -> tuple[Instrument, Decimal]:
    """A market and a price on its tick, anywhere from 1e-8 to 1e5, with ticks and lots of any digit."""
    price = draw(mantissas) * Decimal(10) ** draw(st.integers(-8, 0))
    tick = draw(st.sampled_from([1, 2, 5, 25])) * Decimal(10) ** draw(st.integers(-12, -1))
    lot = draw(st.sampled_from([1, 3, 5])) * Decimal(10) ** draw(st.integers(-8, 3))
    instrument = Instrument("X/USDT", tick, lot)
    price = instrument.price_down(price)
    assume(price > 0)
    return instrument, price


@st.composite
def costs_of(draw: st.DrawFn) -> CostRules:
    return CostRules(taker_fee=draw(rates), maker_fee=draw(rates), slippage=draw(rates))


@st.composite
def risks(draw: st.DrawFn) -> RiskRules:
    return RiskRules(
        position_fraction=draw(fractions),
        risk_fraction=draw(fractions),
        entry_band=draw(rates),
        min_net_reward_risk=Decimal(0),
    )


@st.composite
def exit_rules(draw: st.DrawFn) -> ExitRules:
    low = draw(st.integers(1, 300))
    high = draw(st.integers(low, 400))
    part = draw(st.integers(1, 9))
    return ExitRules(
        stop_fraction=Decimal(draw(st.integers(low, high))) / 1000,
        stop_min=Decimal(low) / 1000,
        stop_max=Decimal(high) / 1000,
        stop_atr=draw(st.none() | st.just(Decimal("1.5"))),
        stop_structure=draw(st.booleans()),
        targets=((Decimal("0.01"), Decimal(part) / 10), (Decimal("0.02"), Decimal(10 - part) / 10)),
    )


money = st.integers(1, 10**9).map(lambda n: Decimal(n) / 100)
shares = st.floats(0.0, 1.0)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal]:
    instrument, price = draw(instruments())
    costs, risk, exits = draw(costs_of()), draw(risks()), draw(exit_rules())
    capital, cash = draw(money), draw(money)
    result = size_entry(
        instrument=instrument,
        costs=costs,
        risk=risk,
        exits=exits,
        price=price,
        capital=capital,
        cash=cash,
        atr=float(price) * draw(st.floats(1e-6, 1.0)),
        signal_stop=float(price) * draw(st.floats(0.01, 1.5)),
    )
    assume(isinstance(result, Sized))
    assert isinstance(result, Sized)
    return result, instrument, price, costs, risk, exits, capital, cash


@given(entries())
def test_a_size_breaks_no_rule_of_money(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal],
) -> None:
    sized, instrument, price, costs, risk, _, capital, cash = entry
    quantity, limit = Fraction(sized.quantity), Fraction(sized.limit_price)
    assert quantity > 0
    assert quantity % Fraction(instrument.lot) == 0
    assert limit % Fraction(instrument.tick) == 0
    assert limit >= Fraction(sized.expected_entry) >= Fraction(price)
    assert quantity * limit <= Fraction(risk.position_fraction) * Fraction(capital)
    assert quantity * limit * (1 + Fraction(costs.taker_fee)) + Fraction(FEE_ROUNDING) <= Fraction(cash)
    assert Fraction(sized.worst_loss) <= Fraction(risk.risk_fraction) * Fraction(capital)


@given(entries(), shares)
def test_no_fill_up_to_the_limit_loses_more_at_its_stop(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal], share: float
) -> None:
    sized, instrument, _, costs, _, _, _, _ = entry
    fill = sized.limit_price * Decimal(repr(share)) if share < 1.0 else sized.limit_price
    fill = max(fill, instrument.tick)
    assume(fill <= sized.limit_price)
    stop = stop_for(fill, sized.stop_distance, instrument)
    sold = slipped(instrument, Side.SELL, stop, costs.slippage)
    fees = fee(fill, sized.quantity, costs.taker_fee) + fee(sold, sized.quantity, costs.taker_fee)
    loss = (Fraction(fill) - Fraction(sold)) * Fraction(sized.quantity) + Fraction(fees)
    assert loss <= Fraction(sized.worst_loss)


@given(entries(), st.floats(0.0, 1.0))
def test_the_stop_stays_in_its_band_after_the_tick(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal], share: float
) -> None:
    sized, instrument, price, _, _, exits, _, _ = entry
    low = price * FILL_FLOOR
    fill = low + (sized.limit_price - low) * Decimal(repr(share))
    stop = stop_for(fill, sized.stop_distance, instrument)
    distance = (Fraction(fill) - Fraction(stop)) / Fraction(fill)
    narrow = sized.stop_distance == exits.stop_max and instrument.tick <= exits.stop_max * price / 100
    allowance = Fraction(instrument.tick) / Fraction(fill) if narrow else 0
    assert Fraction(exits.stop_min) - allowance <= distance <= Fraction(exits.stop_max)
    assert stop % instrument.tick == 0


@given(entries())
def test_the_ladder_sells_all_of_it_in_whole_lots(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal],
) -> None:
    sized, instrument, _, costs, _, _, _, _ = entry
    parts = rungs(sized.quantity, tuple(part for _, part in sized.targets), instrument)
    assert sum(parts) == sized.quantity
    assert all(part >= 0 and part % instrument.lot == 0 for part in parts)
    bought = Fraction(sized.expected_entry) * (1 + Fraction(costs.taker_fee))
    gains = [
        Fraction(part) * (Fraction(target) * (1 - Fraction(costs.maker_fee)) - bought)
        for part, (target, _) in zip(parts, sized.targets, strict=True)
    ]
    reward = sum(gains, Fraction(0))
    assert abs(reward - Fraction(sized.net_reward)) <= Fraction(1, 10**12) * (abs(reward) + 1)


@given(entries())
def test_the_gate_agrees_with_the_size(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal],
) -> None:
    sized, instrument, _, costs, risk, _, capital, cash = entry
    view = RiskView(
        at=AT,
        instrument=instrument,
        costs=costs,
        capital=capital,
        cash=cash,
        equity=capital,
        peak=capital,
        day_start_equity=capital,
    )
    intent = sized.intent(at=AT, signal_id="s1", symbol="X/USDT", timeframe=Timeframe("1m", MINUTE))
    denial = RiskGate(default_limits()).review(intent, view, risk)
    if denial is not None and denial.limit == "costs":
        assert sized.net_reward <= 0
    else:
        assert denial is None or denial.limit == "min_notional"
        assert sized.net_reward > 0


@given(entries())
def test_costs_are_what_is_missing_from_the_gross_reward(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal],
) -> None:
    sized, instrument, price, costs, _, _, _, _ = entry
    parts = rungs(sized.quantity, tuple(part for _, part in sized.targets), instrument)
    taker, maker, entered = Fraction(costs.taker_fee), Fraction(costs.maker_fee), Fraction(sized.expected_entry)
    wanted = sum(
        (
            Fraction(part) * (entered - Fraction(price) + entered * taker + Fraction(target) * maker)
            for part, (target, _) in zip(parts, sized.targets, strict=True)
        ),
        Fraction(0),
    )
    assert abs(wanted - Fraction(sized.costs)) <= Fraction(1, 10**12) * (abs(wanted) + 1)


@given(entries(), st.integers(1, 60), st.data())
def test_kelly_never_risks_more_than_the_rules(
    entry: tuple[Sized, Instrument, Decimal, CostRules, RiskRules, ExitRules, Decimal, Decimal],
    trips: int,
    data: st.DataObject,
) -> None:
    _, instrument, price, costs, risk, exits, capital, cash = entry
    wins = data.draw(st.integers(0, trips))
    record = Record(trips, wins, Decimal(data.draw(st.integers(0, 90))) / 7, Decimal(data.draw(st.integers(0, 90))) / 9)
    asked = replace(risk, kelly_fraction=data.draw(fractions), kelly_trips=1)
    size = partial(size_entry, instrument=instrument, costs=costs, exits=exits, price=price, capital=capital, cash=cash)
    plain, found = size(risk=risk), size(risk=asked, record=record)
    if isinstance(plain, Denial):
        assert isinstance(found, Denial)
    elif isinstance(found, Denial):
        assert found.limit in {"kelly", "lot"}
        assert found.limit == "lot" or full_kelly(record) <= 0
    else:
        assert found.quantity <= plain.quantity
        assert found.worst_loss <= asked.kelly_fraction * full_kelly(record) * capital
