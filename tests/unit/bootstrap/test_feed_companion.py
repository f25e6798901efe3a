from __future__ import annotations

import os
from pathlib import Path

import pytest

from investbot.bootstrap.feed_companion import feed_companion
from investbot.bootstrap.feed_markets import FedMarkets
from investbot.bootstrap.home import Home
from investbot.config.instance import load_instance
from investbot.control.feed_messages import Market
from tests.integration.instance_homes import make_home, make_instance


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


def wanted(home: Home) -> bool:
    companion = feed_companion(home)
    assert companion.wanted is not None
    assert companion.program == ("-m", "investbot.bootstrap.feed")
    return companion.wanted()


def say(home: Home, text: str) -> None:
    home.settings.write_text(home.settings.read_text().replace("# [feed]", f"[feed]\n{text}"))


def test_a_home_without_exchanges_needs_no_feed(home: Home) -> None:
    assert not wanted(home)
    make_instance(home, "alpha", "venue.name=synthetic")
    assert not wanted(home)


def test_an_instance_at_an_exchange_does(home: Home) -> None:
    make_instance(home, "alpha", "venue.name=synthetic")
    make_instance(home, "beta", "venue.name=binance")
    assert wanted(home)
    say(home, "enabled = false")
    assert not wanted(home)


def test_so_do_pulls(home: Home) -> None:
    say(home, 'pulls = ["binance BTC/USDT 1h"]')
    assert wanted(home)


def test_one_that_moves_to_an_exchange_is_seen_and_the_others_are_not_read_again(home: Home) -> None:
    alpha, beta = (
        make_instance(home, "alpha", "venue.name=synthetic"),
        make_instance(home, "beta", "venue.name=synthetic"),
    )
    companion = feed_companion(home)
    assert companion.wanted is not None
    assert not companion.wanted()
    at = alpha.settings.stat().st_mtime_ns
    alpha.settings.write_text(alpha.settings.read_text().replace('"synthetic"', '"binance"', 1))
    os.utime(alpha.settings, ns=(at, at))
    assert not companion.wanted()
    os.utime(alpha.settings, ns=(at, at + 1))
    assert companion.wanted()
    assert beta.settings.exists()


def test_an_instance_with_other_sources_keeps_its_own_venue(home: Home) -> None:
    make_instance(home, "alpha", "venue.name=binance", 'market.sources=[{venue="kraken"}]')
    assert not wanted(home)


def test_only_markets_of_the_homes_instances_are_fed(home: Home) -> None:
    make_instance(home, "alpha", "venue.name=binance", "venue.ccxt={timeout=5000, rate=0.5}", "venue.mode=sandbox")
    make_instance(home, "beta", "venue.name=kraken")
    markets = FedMarkets(home)
    told = load_instance(home.instance("alpha").path).venue
    assert markets.holds(Market(name="binance", settings=told.ccxt, sandbox=True))
    assert markets.holds(Market(name="kraken"))
    assert not markets.holds(Market(name="binance", settings=told.ccxt))
    assert not markets.holds(Market(name="binance", settings={**told.ccxt, "timeout": 5001}, sandbox=True))
    assert not markets.holds(Market(name="okx"))


def test_settings_that_are_no_market_are_none(home: Home) -> None:
    settings = make_instance(home, "alpha", "venue.name=binance").settings
    settings.write_text(settings.read_text().replace('"binance"', "7", 1))
    assert not wanted(home)
    assert not FedMarkets(home).holds(Market(name="binance"))


def test_files_that_cannot_be_read_are_for_others_to_tell(home: Home) -> None:
    make_instance(home, "alpha", "venue.name=binance").settings.write_text("[venue")
    assert not wanted(home)
    home.settings.write_text("[fleet")
    assert not wanted(home)
