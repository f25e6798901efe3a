"""No limit of the gate is ever exceeded and every sum closes, judged from the events alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from investbot.domain.market import HOUR, MINUTE
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.research.backtest import run
from investbot.strategies.ma_cross import MovingAverageCross
from tests.audit import Auditor
from tests.parity.test_recovery import market
from tests.unit.engine.builders import OTHER, SYMBOL, spec

fractions = st.decimals("0.001", "1", places=3)


@st.composite
def rules(draw: st.DrawFn) -> RiskRules:
    return RiskRules(
        position_fraction=draw(fractions),
        risk_fraction=draw(st.decimals("0.001", "0.05", places=3)),
        max_open_positions=draw(st.integers(1, 2)),
        max_entries_per_hour=draw(st.integers(1, 4)),
        max_entries_per_day=draw(st.integers(1, 20)),
        daily_loss_fraction=draw(st.decimals("0.001", "0.05", places=3)),
        max_drawdown_fraction=draw(st.decimals("0.002", "0.1", places=3)),
        cooldown_ms=draw(st.sampled_from([0, 5 * MINUTE, HOUR])),
        min_net_reward_risk=Decimal(0),
    )


@settings(max_examples=40)
@given(
    risk=rules(),
    seed=st.integers(0, 10_000),
    share=st.sampled_from(["0", "0.05"]),
    trail=st.sampled_from(["0", "0.006"]),
    step=st.sampled_from([0.002, 0.006, 0.02]),
)
def test_no_limit_is_ever_exceeded(risk: RiskRules, seed: int, share: str, trail: str, step: float) -> None:
    costs = CostRules(bar_share=Decimal(share))
    ladder = ((Decimal("0.01"), Decimal("0.5")), (Decimal("0.03"), Decimal("0.5")))
    exits = ExitRules(targets=ladder, trailing_fraction=Decimal(trail), max_age_ms=2 * HOUR)
    terms = replace(spec(symbols=(SYMBOL, OTHER), capital="1000"), risk=risk, costs=costs, exits=exits)
    pairs = zip(market(seed, 350, SYMBOL, step), market(seed + 1, 350, OTHER, step), strict=True)
    result = run(terms, MovingAverageCross(fast=3, slow=8), [candle for pair in pairs for candle in pair])
    auditor = Auditor(terms).walk(result.events)
    assert auditor.cash == result.engine.state.cash == terms.capital + sum(t.net_pnl for t in result.trips)
