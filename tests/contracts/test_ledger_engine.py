"""The engine and the ledger's projections count the same money, trip by trip and digit by digit."""

from __future__ import annotations

import random
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.domain.facts import Action, OperatorRequest
from investbot.domain.market import DAY, Cursor
from investbot.domain.rules import CostRules
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.strategies.ma_cross import MovingAverageCross
from tests.unit.adapters.storage.samples import KEY
from tests.unit.engine.builders import NO_AGE, SYMBOL, Host, bar, spec


def lived(host: Host, ledger: SqlcipherLedger, seed: int) -> None:
    """Walk three days of candles, every step one append, with an allocation on the way."""
    rng = random.Random(seed)
    price = 10_000
    ledger.append(host.engine.begin(bar(1, "1", "1", "1", "1").opened_at), None)
    for number in range(1, 3 * 288):
        opened, price = price, max(5_000, price + rng.randint(-60, 60))
        high, low = max(opened, price) + rng.randint(0, 40), min(opened, price) - rng.randint(0, 40)
        candle = bar(number, *(f"{cents / 100:.2f}" for cents in (opened, high, low, price)))
        ledger.append(host.market.step(candle), Cursor(SYMBOL, candle.opened_at))
        if number == 400:
            request = OperatorRequest(candle.at, Action.ALLOCATE, amount=Decimal("12345.67"))
            ledger.append(host.market.handle(request), None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_projections_agree_with_the_engine_to_the_last_digit(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ledger.db"
    terms = spec(costs=CostRules(), exits=NO_AGE, lot="0.00001")
    host = Host(terms)
    host.engine = Engine(terms, MovingAverageCross(fast=2, slow=4))
    host.market = SimulatedMarket(host.engine, host.book)
    with closing(SqlcipherLedger.create(path, KEY, instance="alpha")) as ledger:
        lived(host, ledger, seed)
        replayed = Engine(terms, MovingAverageCross(fast=2, slow=4))
        for recorded in ledger.events():
            replayed.apply(recorded.event)
    state = host.engine.state
    with closing(SqlcipherReader.open(path, KEY)) as reader:
        told = reader.snapshot()
        fills, trips, days = reader.rows("fills"), reader.rows("trips"), reader.rows("daily")
    assert len(trips) > 10
    money = {name: Decimal(told[name]) for name in ("capital", "cash", "peak", "day_start_equity")}
    assert money == {
        "capital": state.capital,
        "cash": state.cash,
        "peak": state.peak,
        "day_start_equity": state.day_start_equity,
    }
    assert (told["trips"], told["wins"]) == (state.tally.trips, state.tally.wins)
    assert Decimal(told["gross_profit"]) - Decimal(told["gross_loss"]) == state.tally.gains - state.tally.losses
    assert {row["plan_id"]: Decimal(row["quantity"]) for row in told["positions"]} == {
        plan_id: holding.quantity for plan_id, holding in state.holdings.items() if holding.quantity
    }
    turnover = {side: Decimal(0) for side in ("buy", "sell")}
    for fill in fills:
        turnover[fill["side"]] += Decimal(fill["price"]) * Decimal(fill["quantity"])
    fees = sum((Decimal(fill["fee_quote"]) for fill in fills), Decimal(0))
    assert state.cash == Decimal("12345.67") - turnover["buy"] + turnover["sell"] - fees
    assert [row["day"] for row in days] == list(range(days[0]["day"], days[0]["day"] + len(days)))
    assert sum(row["trips"] for row in days) == len(trips)
    assert days[-1]["day"] == state.last_at // DAY
    assert replayed.state.cash == state.cash
    assert inspect(path, KEY) == []
