"""The feed calls only where an operator sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap.feed_markets import FedMarkets
from investbot.bootstrap.home import Home
from investbot.control.feed_messages import Market
from tests.integration.instance_homes import make_home, make_instance

OWN = {"urls": {"api": {"public": "http://127.0.0.1:8123"}}, "timeout": 2500, "rate": 0.5, "list": [1, "a"]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "fleet")
    told = (
        'venue.ccxt={urls = {api = {public = "http://127.0.0.1:8123"}}, timeout = 2500, rate = 0.5, list = [1, "a"]}',
    )
    make_instance(home, "alpha", "venue.name=binance", "venue.mode=sandbox", *told)
    make_instance(home, "broken", "venue.name=kraken").settings.write_text("[venue")
    make_instance(home, "odd", "venue.name=kraken").settings.write_text('venue = "kraken"')
    make_instance(home, "gone", "venue.name=kraken").settings.write_bytes(b"\xff")
    return home


def test_settings_of_an_instance_are_followed(home: Home) -> None:
    markets = FedMarkets(home)
    assert markets.holds(Market(name="binance", sandbox=True, settings=OWN))
    assert markets.holds(Market(name="binance", sandbox=True, settings=OWN))


@pytest.mark.parametrize(
    "market",
    [
        {"name": "binance", "sandbox": True, "settings": OWN | {"urls": {"api": {"public": "http://evil.example:9"}}}},
        {"name": "binance", "sandbox": True, "settings": OWN | {"httpProxy": "http://evil.example:9"}},
        {"name": "binance", "sandbox": False, "settings": OWN},
        {"name": "bybit", "sandbox": True, "settings": OWN},
        {"name": "kraken"},
    ],
)
def test_nobody_else_s_are(home: Home, market: dict[str, Any]) -> None:
    assert not FedMarkets(home).holds(Market(**market))
