from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.capabilities import known_exchanges, oddities
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import ConfigError

NAMED = {"binance", "coinbase", "kraken", "bybit", "okx", "kucoin", "alpaca"}


def test_the_seven_have_a_table_each() -> None:
    assert set(known_exchanges()) == NAMED


@pytest.mark.parametrize("name", [*sorted(NAMED), "bigone"])
def test_every_table_is_whole_and_our_client_ids_fit(name: str) -> None:
    told = oddities(name)
    assert told.client_id_length >= 24
    assert told.client_id_param
    assert told.weight("create_order") <= told.weight_per_minute
    assert 0 < told.stop_limit_band < Decimal("0.1")
    assert told.lookup in {"client", "scan"}
    assert told.lookup_param or told.lookup == "scan"
    capabilities = told.capabilities
    assert (capabilities.stop_market, capabilities.stop_limit) == (told.stop_market, told.stop_limit)
    assert (capabilities.read_lag_ms, capabilities.window_ms, capabilities.oco) == (5000, 5000, name == "binance")


def test_of_an_unknown_exchange_little_is_believed() -> None:
    told = oddities("bigone")
    assert (told.stop_market, told.stop_limit, told.oco, told.market_buy) == (False,) * 4
    assert told.weight_per_minute == 1200
    assert (told.weight("create_order"), told.weight("anything")) == (1, 5)


def test_changes_win_over_the_table() -> None:
    told = oddities("binance", stop_market=False, stop_limit_band="0.02", weight_per_minute=60)
    assert (told.stop_market, told.stop_limit_band, told.weight_per_minute) == (False, Decimal("0.02"), 60)
    with pytest.raises(ConfigError, match=r"options\.capabilities has no stop_markt"):
        oddities("binance", stop_markt=False)


def test_an_operator_may_say_what_a_venue_can_do() -> None:
    settings = {"options": {"capabilities": {"stop_market": False, "read_lag_ms": 9_000}}}
    told = CcxtTrading("binance", {}, SystemClock(), settings=settings).capabilities
    assert (told.stop_market, told.read_lag_ms, told.stop_limit) == (False, 9_000, True)
    again = CcxtTrading("binance", {}, SystemClock(), settings=settings, changes={"stop_market": True}).capabilities
    assert again.stop_market
    for plain in ({}, {"options": 5}, {"options": {"capabilities": 7}}):
        assert CcxtTrading("binance", {}, SystemClock(), settings=plain).capabilities.stop_market


def test_a_market_may_take_less_than_its_exchange() -> None:
    told = oddities("binance")
    assert told.on_market({"orderTypes": ["LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT"]}) == told
    narrowed = told.on_market({"orderTypes": ["LIMIT", "STOP_LOSS_LIMIT"]})
    assert (narrowed.stop_market, narrowed.stop_limit) == (False, True)
    assert not told.on_market({"orderTypes": []}).stop_limit
    assert told.on_market({}) == told.on_market(None) == told
    assert oddities("kraken").on_market({"orderTypes": []}).stop_market


def test_a_stream_of_prices_is_one_that_is_known_and_keeps_no_others_words() -> None:
    assert (oddities("binance").price_stream, oddities("binance").price_params) == ("watch_ticker", {"name": "ticker"})
    assert (oddities("bigone").price_stream, oddities("coinbase").price_stream) == ("", "")
    told = oddities("binance", price_stream="watch_trades")
    assert (told.price_stream, told.price_params) == ("watch_trades", {})
    assert oddities("binance", price_stream="watch_ticker", price_params={"name": "x"}).price_params == {"name": "x"}
    with pytest.raises(ConfigError, match="watch_ticker, watch_bids_asks, watch_trades or empty"):
        oddities("binance", price_stream="watch_orders")
