from __future__ import annotations

from decimal import Decimal

from investbot.domain.rules import CostRules
from investbot.research import results
from investbot.research.backtest import run
from investbot.research.metrics import measure
from investbot.simulation.book import FillPolicy
from tests.unit.engine.builders import LONG, SHORT, START, Host, Scripted, bar, flat, spec

CANDLES = [
    flat(1),
    flat(2),
    bar(3, "100", "102.50", "100", "102"),
    flat(4, "102"),
    flat(5, "102"),
    bar(6, "102", "102", "100.50", "101"),
    flat(7, "101"),
]
SCRIPT = {1: LONG, 4: LONG, 5: LONG, 7: SHORT}


def test_metrics_are_the_sums_of_the_round_trips() -> None:
    result = run(spec(), Scripted(SCRIPT), CANDLES)
    metrics = result.metrics
    won, lost = result.trips
    assert (metrics.trips, metrics.signals, metrics.entries, metrics.entries_unfilled) == (2, 3, 2, 0)
    assert metrics.net_pnl == won.net_pnl + lost.net_pnl
    assert metrics.win_rate == Decimal("0.5000")
    assert metrics.profit_factor == (won.net_pnl / -lost.net_pnl).quantize(Decimal("0.0001"))
    assert metrics.average_r == ((won.r + lost.r) / 2).quantize(Decimal("0.0001"))
    peak = 10000 + won.net_pnl
    assert metrics.max_drawdown == (-lost.net_pnl / peak).quantize(Decimal("0.0001"))
    assert metrics.denied == {"open_positions": 1}
    assert metrics.exits == {"target": 1, "stop": 1}
    assert metrics.gapped == 0


def test_an_entry_that_expired_counts_as_unfilled() -> None:
    metrics = run(spec(), Scripted({1: LONG}), [flat(1), flat(2, "105")]).metrics
    assert (metrics.entries, metrics.entries_unfilled, metrics.trips) == (1, 1, 0)


def test_nothing_traded_divides_nothing() -> None:
    metrics = measure([], Decimal(100))
    assert (metrics.win_rate, metrics.profit_factor, metrics.average_r) == (None, None, None)
    assert metrics.net_return == 0


def test_no_candles_no_events() -> None:
    assert run(spec(), Scripted(), []).events == ()


def test_the_end_closes_what_is_open_only_when_asked() -> None:
    open_end = [flat(1), flat(2)]
    assert len(run(spec(), Scripted({1: LONG}), open_end).trips) == 1
    kept = run(spec(), Scripted({1: LONG}), open_end, close_at_end=False)
    assert not kept.trips
    assert results.summary(kept)["open_positions"] == 1


def test_the_fill_policy_bounds_what_an_ambiguous_bar_may_have_done() -> None:
    candles = [flat(1), flat(2), bar(3, "100", "103", "98", "100")]
    worst = run(spec(), Scripted({1: LONG}), candles)
    best = run(spec(), Scripted({1: LONG}), candles, policy=FillPolicy.TARGET_FIRST)
    assert worst.metrics.net_pnl < 0 < best.metrics.net_pnl


def test_rows_reconcile_to_the_last_digit() -> None:
    result = run(spec(costs=CostRules()), Scripted(SCRIPT), CANDLES)
    cash = Decimal(10000)
    for row in results.fill_rows(result):
        notional = Decimal(row["price"]) * Decimal(row["quantity"])
        cash += (notional if row["side"] == "sell" else -notional) - Decimal(row["fee_quote"])
    told = results.summary(result)
    assert cash == Decimal(told["cash"]) == Decimal(told["equity"])
    assert sum(Decimal(row["net_pnl"]) for row in results.trip_rows(result)) == cash - 10000
    assert "plan_id" not in results.trip_rows(result)[0]


def test_backtest_and_paper_conclude_the_same() -> None:
    host = Host(script=SCRIPT)
    host.feed(*CANDLES)
    events = run(host.terms, Scripted(SCRIPT), CANDLES).events
    assert list(events[: len(host.events)]) == host.events
    assert events[0].at == START
