"""What every strategy of the house must keep, on a made-up market: a sample of the grid in `scripts/bench prefix`."""

from __future__ import annotations

import pytest

from investbot.bootstrap.plugins import make_strategy, strategy_names
from investbot.research.lookahead import check_strategy
from tests.unit.analysis.builders import walk


@pytest.mark.parametrize("name", strategy_names())
def test_it_is_frozen_declared_pure_and_blind_to_the_future(name: str) -> None:
    strategy = make_strategy(name, {})
    report = check_strategy(strategy, walk(strategy.warmup + 160, seed=11), cuts=4, budget_us=float("inf"))
    assert [finding.sentence for finding in report.findings if not finding.passed] == []
