from __future__ import annotations

from investbot.strategies.alerts import Alerts
from tests.unit.strategies.views import view_of


def test_it_has_no_opinion_of_its_own() -> None:
    strategy = Alerts()
    assert strategy.evaluate(view_of({})) is None
    assert (strategy.warmup, strategy.indicators(), strategy.confirm_indicators()) == (0, {}, {})
