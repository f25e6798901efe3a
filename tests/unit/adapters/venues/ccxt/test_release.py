from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from investbot.adapters.venues.ccxt.release import Release
from investbot.domain.facts import DataFresh, DataStale
from investbot.domain.market import MINUTE, SECOND, Bar, Candle, Quality, Timeframe

ONE_MINUTE = Timeframe.parse("1m")
BTC, ETH = "BTC/USDT", "ETH/USDT"
START = 1_700_000_040_000
ONE = Decimal(1)


def candle(symbol: str, minute: int) -> Candle:
    return Candle(symbol, ONE_MINUTE, START + minute * MINUTE, ONE, ONE, ONE, ONE, Bar(1, 1, 1, 1, 1))


def at(minute: float) -> int:
    return START + round(minute * MINUTE)


def release(*symbols: str) -> Release:
    return Release(symbols or (BTC, ETH), ONE_MINUTE, at(0), 5 * SECOND, 2 * MINUTE)


def short(facts: list[object]) -> list[tuple[str, int, Quality]]:
    return [
        (fact.symbol, (fact.opened_at - START) // MINUTE, fact.quality) for fact in facts if isinstance(fact, Candle)
    ]


def test_a_symbol_waits_for_the_others_candle_of_the_same_close() -> None:
    gate = release()
    gate.add([candle(BTC, 0)])
    assert gate.ready(at(1) + 1000) == []
    gate.add([candle(ETH, 0)])
    assert short([*gate.ready(at(1) + 2000)]) == [(BTC, 0, Quality.GOOD), (ETH, 0, Quality.GOOD)]


def test_but_not_for_ever() -> None:
    gate = release()
    gate.add([candle(BTC, 0)])
    assert gate.ready(at(1) + 4999) == []
    assert short([*gate.ready(at(1) + 5000)]) == [(BTC, 0, Quality.GOOD)]


def test_nobody_waits_for_what_was_given_out_elsewhere() -> None:
    gate = release()
    gate.known(BTC, at(1))
    gate.known(BTC, at(-5))
    gate.add([candle(ETH, 0)])
    assert short([*gate.ready(at(1) + 1000)]) == [(ETH, 0, Quality.GOOD)]


def test_several_closes_come_in_order() -> None:
    gate = release()
    gate.add([candle(ETH, 0), candle(ETH, 1)])
    gate.add([candle(BTC, 0), candle(BTC, 1)])
    keys = [(symbol, minute) for symbol, minute, _ in short([*gate.ready(at(2.1))])]
    assert keys == [(BTC, 0), (ETH, 0), (BTC, 1), (ETH, 1)]


def test_a_candle_of_the_past_is_late() -> None:
    gate = release(BTC)
    assert gate.past(candle(BTC, -1), at(0.5)).quality is Quality.LATE
    assert gate.past(candle(BTC, 0), at(1.5)).quality is Quality.GOOD
    assert gate.past(candle(BTC, 1), at(3)).quality is Quality.LATE


def test_a_candle_whose_successor_has_closed_is_late() -> None:
    gate = release(BTC)
    gate.add([candle(BTC, 0), candle(BTC, 1), candle(BTC, 2)])
    assert [quality for _, _, quality in short([*gate.ready(at(3.9))])] == [Quality.LATE, Quality.LATE, Quality.GOOD]


def test_very_short_bars_are_late_only_after_the_grace() -> None:
    one_second = Timeframe.parse("1s")
    gate = Release((BTC,), one_second, at(0), 5 * SECOND, 2 * MINUTE)
    made = Candle(BTC, one_second, at(0), ONE, ONE, ONE, ONE, Bar(1, 1, 1, 1, 1))
    gate.add([made])
    assert gate.ready(at(0) + 5999) == [made]
    gate.add([replace(made, opened_at=at(0) + SECOND)])
    assert [quality for _, _, quality in short([*gate.ready(at(0) + 7000)])] == [Quality.LATE]


def test_a_candle_behind_what_was_given_out_is_late() -> None:
    gate = Release((BTC, ETH), ONE_MINUTE, at(0), 5 * SECOND, 2 * MINUTE)
    gate.add([candle(BTC, 0), candle(BTC, 1)])
    gate.ready(at(2.2))
    gate.add([candle(ETH, 0)])
    assert short([*gate.ready(at(2.3))]) == [(ETH, 0, Quality.LATE)]


def test_a_series_that_stands_still_is_stale_once_and_fresh_again_once() -> None:
    gate = release(BTC)
    gate.add([candle(BTC, 0)])
    assert len(gate.ready(at(1.1))) == 1
    assert gate.ready(at(4)) == []
    (stale,) = gate.ready(at(4) + 1)
    assert stale == DataStale(at(4) + 1, BTC, "no candle of 1m for 120 s too long")
    assert gate.ready(at(5)) == []
    assert BTC in gate.stale
    gate.add([candle(BTC, 1)])
    assert short([*gate.ready(at(9))]) == [(BTC, 1, Quality.LATE)]
    gate.add([candle(BTC, 7), candle(BTC, 8)])
    facts = gate.ready(at(9.1))
    assert short([*facts]) == [(BTC, 7, Quality.LATE), (BTC, 8, Quality.GOOD)]
    assert facts[-1] == DataFresh(at(9.1), BTC)
    assert not gate.stale


def test_a_series_that_never_began_gets_stale() -> None:
    gate = release()
    gate.add([candle(ETH, 0), candle(ETH, 1)])
    facts = gate.ready(at(3.5))
    assert isinstance(facts[-1], DataStale)
    assert facts[-1].symbol == BTC
