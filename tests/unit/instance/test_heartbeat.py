from __future__ import annotations

import json

from investbot.instance.heartbeat import Identity, Phase, Pulse, idle_row, status_row

ALPHA = Identity("alpha", "live", "binance", ("BTC/USDT",), "1m", "ma_cross", "p")


def test_a_row_says_how_asking_the_venue_goes() -> None:
    health = {"circuit": "half-open", "endpoint all": "answers=12 errors=3 p50_ms=4.5 p99_ms=90"}
    row = status_row(ALPHA, Phase.READY, None, Pulse(5.0, 0.1, 0, 7), health)
    asked = {name: row[name] for name in ("breaker", "api_errors", "api_p50_ms", "api_p99_ms")}
    assert asked == {"breaker": "half-open", "api_errors": 3, "api_p50_ms": 4.5, "api_p99_ms": 90.0}
    failed = status_row(ALPHA, Phase.READY, None, Pulse(5.0, 0.1, 0, 7), {"endpoint all": "answers=0 errors=2"})
    assert (failed["api_errors"], failed["api_p99_ms"], failed["breaker"]) == (2, None, None)
    assert row.keys() >= idle_row(ALPHA).keys()
    assert idle_row(ALPHA)["breaker"] is None
    assert len(json.dumps(row)) < 2000
