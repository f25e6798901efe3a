from __future__ import annotations

import logging
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.adapters.venues.ccxt.session import load_trading_markets, private_stream, trading_exchange
from investbot.domain.errors import AuthFailed, ConfigError, DataError, VenueUnavailable
from tests.unit.adapters.venues.ccxt.desk import KEYS

SETTINGS = {"timeout_on_exit": 1}


async def made(name: str = "binance", settings: dict[str, Any] | None = None, *, sandbox: bool = False) -> Any:
    return await trading_exchange(name, {**SETTINGS, **(settings or {})}, Keys(KEYS), sandbox=sandbox)


@pytest.mark.parametrize("name", ["binance", "coinbase", "kraken", "bybit", "okx", "kucoin", "alpaca"])
async def test_the_seven_have_a_stream_of_their_own_orders(name: str) -> None:
    exchange = await made(name)
    assert type(exchange).__module__ == f"ccxt.pro.{name}"
    assert private_stream(exchange)
    await exchange.close()


async def test_an_exchange_without_a_stream_is_asked_by_rest() -> None:
    exchange = await made("bigone")
    assert type(exchange).__module__ == "ccxt.async_support.bigone"
    assert not private_stream(exchange)
    await exchange.close()


async def test_a_child_of_another_exchange_finds_its_parents() -> None:
    exchange = await made("binanceus")
    assert type(exchange).__module__ == "ccxt.pro.binanceus"
    await exchange.close()


async def test_ccxt_never_tries_again_waits_or_talks_by_itself() -> None:
    loud = {"enableRateLimit": True, "verbose": True, "options": {"maxRetriesOnFailure": 3, "recvWindow": 7}}
    exchange = await made(settings=loud)
    assert exchange.options["maxRetriesOnFailure"] == 0
    assert exchange.options["recvWindow"] == 7
    assert (exchange.enableRateLimit, exchange.verbose, exchange.number) == (False, False, str)
    assert exchange.options["fetchMarkets"]["types"] == ["spot"]
    assert not exchange.logger.isEnabledFor(logging.CRITICAL)
    assert exchange.logger.handlers
    assert not exchange.logger.propagate
    await exchange.close()


async def test_markets_the_operator_chose_stay_chosen() -> None:
    exchange = await made(settings={"options": {"fetchMarkets": {"types": ["linear"]}}})
    assert exchange.options["fetchMarkets"]["types"] == ["linear"]
    await exchange.close()


async def test_the_sandbox_is_the_venues_own_unless_the_operator_names_another() -> None:
    exchange = await made(sandbox=True)
    assert "testnet" in exchange.urls["api"]["private"]
    await exchange.close()
    exchange = await made(settings={"urls": {"api": {"private": "http://127.0.0.1:9/api/v3"}}}, sandbox=True)
    assert exchange.urls["api"]["private"] == "http://127.0.0.1:9/api/v3"
    assert "testnet" in exchange.urls["api"]["public"]
    await exchange.close()


async def test_no_sandbox_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r'kraken has no sandbox: set mode to "paper" or "live"'):
        await made("kraken", sandbox=True)


async def test_keys_that_are_missing_are_named() -> None:
    with pytest.raises(AuthFailed, match=r"okx needs apiKey, password: run investbot keys set\.$"):
        await trading_exchange("okx", SETTINGS, Keys({"secret": "x"}), sandbox=False)


async def test_settings_that_do_not_fit_are_refused_without_their_values() -> None:
    with pytest.raises(ConfigError, match=r"The settings in venue\.ccxt are not what binance takes") as caught:
        await made(settings={"options": KEYS["secret"]})
    assert KEYS["secret"] not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_venue_that_ccxt_does_not_know() -> None:
    with pytest.raises(ConfigError, match=r"There is no venue binanc "):
        await made("binanc")


async def test_no_content_is_an_answer_and_a_page_is_none() -> None:
    exchange = await made()
    exchange.handle_http_status_code(204, "No Content", "u", "DELETE", "")
    with pytest.raises(Exception, match="without JSON"):
        exchange.handle_http_status_code(200, "OK", "u", "GET", "<html></html>")
    with pytest.raises(Exception, match="nothing in it"):
        exchange.handle_http_status_code(200, "OK", "u", "GET", " { } ")
    exchange.handle_http_status_code(200, "OK", "u", "GET", "[]")
    await exchange.close()


class Listed:
    """Tells markets as ccxt does."""

    id = "x"
    currencies: dict[str, Any] = {}  # noqa: RUF012 - stands for ccxt's

    def __init__(self, markets: object) -> None:
        self.told = markets
        self.kept: list[dict[str, Any]] = []

    async def fetch_markets(self, params: object) -> object:
        return self.told

    def set_markets(self, markets: list[dict[str, Any]]) -> None:
        self.kept = markets


async def test_only_the_markets_traded_are_kept_but_whole() -> None:
    markets = [{"symbol": "BTC/USDT", "info": {"orderTypes": []}}, {"symbol": "ETH/USDT", "info": {}}]
    exchange = Listed(markets)
    await load_trading_markets(exchange, ["BTC/USDT"])
    assert exchange.kept == markets[:1]
    assert exchange.currencies["ANY"]["code"] == "ANY"
    assert "ANY" not in exchange.currencies
    with pytest.raises(DataError, match=r"x has no market NO/PE: see market\.symbols\.$"):
        await load_trading_markets(exchange, ["BTC/USDT", "NO/PE"])
    empties: list[object] = [[], None, {}]
    for nothing in empties:
        with pytest.raises(VenueUnavailable, match="list of markets is empty"):
            await load_trading_markets(Listed(nothing), ["BTC/USDT"])
