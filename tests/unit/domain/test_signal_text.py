from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain.events import SignalRaised
from investbot.domain.signal import Direction
from investbot.domain.signal_text import SignalPlan, sc01, sc02
from investbot.domain.times import parse_rfc3339

AT = parse_rfc3339("2026-01-02T03:04:00Z")
PRICE = Decimal(50000)
SIGNAL = SignalRaised(
    at=AT,
    signal_id="7f3a",
    symbol="BTC/USDT",
    timeframe="5m",
    source="smc_confluence",
    direction=Direction.LONG,
    confidence=0.85,
    price=PRICE,
    stop=Decimal("49500.0"),
    targets=(Decimal(51000), Decimal("51500.5")),
    reason="sweep +15 (equal lows at 49600 were swept); trend +15 (the market is bullish).",
    candle=(AT - 300_000, PRICE, PRICE, PRICE, PRICE, 1.0),
)
PLAN = SignalPlan(
    stop=Decimal(49600),
    targets=((Decimal(50500), Decimal("0.5")), (Decimal(51000), Decimal("0.5"))),
    net_r=Decimal("1.314"),
    costs=Decimal("0.0301"),
    regime="trend",
    expires_at=AT + 300_000,
)


def test_sc01_is_one_line() -> None:
    assert sc01(SIGNAL) == (
        "SC01 BTC/USDT 5m LONG entry 50000.00 stop 49500.00 target 51000.00 rr 2.0 conf 0.85 "
        "at 2026-01-02T03:04:00Z id 7f3a"
    )


def test_the_levels_of_the_plan_come_first() -> None:
    assert "stop 49600.00 target 50500.00 rr 1.2" in sc01(SIGNAL, PLAN)
    assert "stop 49500.00 target 51000.00" in sc01(SIGNAL, SignalPlan())


def test_what_is_not_known_is_a_dash() -> None:
    bare = replace(SIGNAL, stop=None, targets=(), price=Decimal("0.0000123"))
    assert "entry 0.0000123 stop - target - rr - conf" in sc01(bare)
    assert "target 51000.00 rr -" in sc01(replace(SIGNAL, stop=None))
    assert "rr -" in sc01(replace(SIGNAL, stop=PRICE))


def test_leaving_has_no_levels() -> None:
    assert "SHORT entry 50000.00 stop - target - rr -" in sc01(replace(SIGNAL, direction=Direction.SHORT), PLAN)


def test_sc02_is_a_block() -> None:
    assert sc02(SIGNAL, PLAN).splitlines() == [
        "LONG BTC/USDT 5m",
        "entry 50000.00",
        "stop 49600.00 (-0.80%)",
        "target 1 50500.00 (+1.00%), 50% of the position",
        "target 2 51000.00 (+2.00%), 50% of the position",
        "net R 1.31",
        "confidence 0.85",
        "* sweep +15 (equal lows at 49600 were swept)",
        "* trend +15 (the market is bullish)",
        "regime trend",
        "costs 0.0301",
        "expires 2026-01-02T03:09:00Z",
        "SC02 at 2026-01-02T03:04:00Z id 7f3a",
    ]


def test_sc02_without_a_plan() -> None:
    lines = sc02(replace(SIGNAL, stop=None)).splitlines()
    assert lines[2] == "stop -"
    assert lines[3] == "target 1 51000.00 (+2.00%), 50% of the position"
    assert {"net R -", "regime -", "costs -", "expires -"} < set(lines)


@pytest.mark.parametrize(("reason", "count"), [("", 0), ("One; two; three.", 3), ("One;;", 1)])
def test_one_line_a_reason(reason: str, count: int) -> None:
    assert sum(line.startswith("* ") for line in sc02(replace(SIGNAL, reason=reason)).splitlines()) == count


def test_a_price_of_nought_is_no_base_for_a_distance() -> None:
    assert "stop 49500.00\n" in sc02(replace(SIGNAL, price=Decimal(0)))
