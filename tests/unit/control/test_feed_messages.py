from __future__ import annotations

from typing import Any

import pytest

from investbot.control.feed_messages import (
    CandlesArgs,
    Market,
    SubscribeArgs,
    candle_of,
    demand_public,
    parse_feed_args,
    row_of,
)
from investbot.control.messages import Request
from investbot.domain.errors import UsageError
from investbot.domain.market import Timeframe
from tests.unit.feed.builders import ONE, candle


def asked(**args: Any) -> Request:
    told = {"market": {"name": "binance"}, "symbols": ["BTC/USDT"], "timeframe": "1m"} | args
    return Request(id=1, verb="subscribe", args=told)


def test_a_subscription_is_read() -> None:
    args = parse_feed_args(asked(also=["1h"], market={"name": "okx", "settings": {"timeout": 5}, "sandbox": True}))
    assert isinstance(args, SubscribeArgs)
    assert args.also == ["1h"]
    assert Market.named(args.market.key()) == "okx (sandbox)"
    assert Market.named(Market(name="okx").key()) == "okx"


def test_markets_that_differ_in_a_setting_are_two() -> None:
    plain, sandbox = Market(name="okx"), Market(name="okx", sandbox=True)
    one, two = (
        Market(name="okx", settings={"a": 1, "b": {"c": 2}}),
        Market(name="okx", settings={"a": 1, "b": {"c": 3}}),
    )
    assert len({market.key() for market in (plain, sandbox, one, two, Market(name="kraken"))}) == 5
    assert Market(name="okx", settings={"b": {"c": 2}, "a": 1}).key() == one.key()


@pytest.mark.parametrize(
    "settings",
    [
        {"apiKey": "x"},
        {"secret": "x"},
        {"options": {"deep": [{"api_key": "x"}]}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"Cookie": "x"}},
        {"headers": {"X-Secret": "x"}},
        {"password": "x"},
        {"privateKey": "x"},
        {"token": "x"},
        {"uid": "x"},
        {"httpsProxy": "http://ana:word@proxy:8080"},
        {"urls": ["wss://ana@host/path"]},
    ],
)
def test_what_could_be_a_secret_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="takes no secret"):
        parse_feed_args(asked(market={"name": "binance", "settings": settings}))


def test_what_is_none_passes() -> None:
    demand_public({"urls": {"api": {"public": "http://127.0.0.1:1/api"}}, "options": {"tokens": 3}, "timeout": 1500})
    demand_public({"urls": "https://host/?mail=a@b"})


def test_settings_are_short_and_plain() -> None:
    with pytest.raises(UsageError, match="longer than"):
        demand_public({"text": "x" * 20_000})
    with pytest.raises(UsageError, match="plain values"):
        demand_public({"number": float("nan")})


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("buy", {}, "knows no verb 'buy'"),
        ("subscribe", {"symbols": []}, "not understood"),
        ("subscribe", {"symbols": [f"A{number}/USDT" for number in range(65)]}, "not understood"),
        ("subscribe", {"timeframe": "soon"}, "not understood"),
        ("subscribe", {"also": ["1h"] * 9}, "not understood"),
        ("subscribe", {"key": "x"}, "not understood"),
        ("candles", {"stream": "7", "since": 1}, "not understood"),
    ],
)
def test_what_is_put_wrongly_is_refused(verb: str, args: dict[str, Any], said: str) -> None:
    request = asked(**args) if verb == "subscribe" else Request(id=1, verb=verb, args=args)
    with pytest.raises(UsageError, match=said):
        parse_feed_args(request)


def test_a_page_is_asked_for() -> None:
    args = parse_feed_args(Request(id=1, verb="candles", args={"stream": 3, "since": 5}))
    assert isinstance(args, CandlesArgs)
    assert (args.stream, args.since) == (3, 5)


def test_a_candle_arrives_as_it_was() -> None:
    for number in range(60):
        sent = candle(number)
        assert candle_of(row_of(sent), sent.symbol, ONE) == sent
    assert candle_of(row_of(candle(1)), "BTC/USDT", Timeframe.parse("5m")).timeframe.text == "5m"
