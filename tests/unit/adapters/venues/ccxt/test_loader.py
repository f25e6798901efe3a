from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.adapters.venues.ccxt.loader import exchange_class, make_exchange
from investbot.domain.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[5]


def test_one_exchange_is_loaded_without_the_others() -> None:
    script = (
        "import json, sys\n"
        "from investbot.adapters.venues.ccxt.loader import exchange_class\n"
        "name = exchange_class('kraken')().id\n"
        "loaded = [module for module in sys.modules if module.startswith('ccxt.async_support.')]\n"
        "print(json.dumps([name, loaded, 'pandas' in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    name, modules, pandas = json.loads(run.stdout)
    assert (name, pandas) == ("kraken", False)
    loaded = {module.split(".")[2] for module in modules}
    assert loaded == {"kraken", "base"}


def test_the_venue_itself_loads_nothing_of_ccxt() -> None:
    script = "import sys, investbot.adapters.venues.ccxt.venue\nprint('ccxt' in sys.modules, 'aiohttp' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["False", "False"]


def test_a_missing_library_is_told_in_a_sentence() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from investbot.adapters.venues.ccxt.loader import exchange_class\n"
        "try:\n    exchange_class('kraken')\nexcept Exception as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "The library ccxt is not installed: run scripts/setup again."


def test_several_exchanges_fit_into_one_process() -> None:
    assert exchange_class("binance")().id == "binance"
    assert exchange_class("coinbase")().id == "coinbase"


@pytest.mark.parametrize(
    ("name", "near"),
    [("binence", " (near: binance"), ("Binance", " (near: binance"), ("base", ""), ("../x", ""), ("zzzzzzzzz", "")],
)
def test_an_unknown_exchange_is_refused_naming_near_ones(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        exchange_class(name)
    assert str(caught.value).startswith(f"There is no venue {name}{near}")
    assert str(caught.value).endswith(": see venue.name.")


def test_settings_go_to_the_class_as_they_are() -> None:
    exchange = make_exchange(
        "binance", {"urls": {"api": {"public": "http://127.0.0.1:1/x"}}, "timeout": 1234}, spot=True
    )
    assert exchange.urls["api"]["public"] == "http://127.0.0.1:1/x"
    assert "sapi" in exchange.urls["api"], "what is not named stays"
    assert (exchange.timeout, exchange.enableRateLimit) == (1234, True)
    assert exchange.has["fetchCurrencies"] is False


def test_only_spot_markets_are_asked_for_unless_said_otherwise() -> None:
    assert make_exchange("binance", {}, spot=True).options["fetchMarkets"]["types"] == ["spot"]
    assert "linear" in make_exchange("binance", {}, spot=False).options["fetchMarkets"]["types"]
    asked = {"options": {"fetchMarkets": {"types": ["linear"]}}}
    assert make_exchange("binance", asked, spot=True).options["fetchMarkets"]["types"] == ["linear"]
    assert make_exchange("binance", {"options": {"x": 1}}, spot=True).options["fetchMarkets"]["types"] == ["spot"]
    assert make_exchange("kraken", {}, spot=True).id == "kraken"


def test_settings_a_class_cannot_take_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"The settings in venue\.ccxt are not what binance takes"):
        make_exchange("binance", {"urls": {"api": 7}, "options": 3}, spot=True)
