"""Other places that candles come from, as a profile names them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from investbot.config.profile import Profile
from investbot.config.sources import Source
from investbot.config.writer import toml

TOLD = """
[[market.sources]]
venue = "kraken"
symbols = { "BTC/USDT" = "BTC/USD" }

[[market.sources]]
venue = "okx"
ccxt = { timeout = 5000, urls = { api = "http://127.0.0.1:1" } }
"""


def test_sources_are_read_in_order_and_written_as_they_were() -> None:
    profile = Profile.model_validate(tomllib.loads(TOLD))
    kraken = Source("kraken", {"BTC/USDT": "BTC/USD"}, {})
    okx = Source("okx", {}, {"timeout": 5000, "urls": {"api": "http://127.0.0.1:1"}})
    assert profile.market.sources == (kraken, okx)
    assert Profile.model_validate(tomllib.loads(toml(profile.data()))) == profile
    assert Profile.model_validate({"market": {"sources": [kraken]}}).market.sources == (kraken,)
    assert Profile.model_validate({}).market.sources == ()


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("kraken", "write each as a table"),
        (5, "write each as a table"),
        ([5], "a source needs the id of an exchange"),
        ([{}], "a source needs the id of an exchange"),
        ([{"venue": 5}], "a source needs the id of an exchange"),
        ([{"venue": "Kra ken"}], "'Kra ken' is not the id of an exchange"),
        ([{"venue": "replay"}], "'replay' is not the id of an exchange"),
        ([{"venue": "kraken", "symbol": "x"}], "a source has no key symbol; it has venue, symbols, ccxt"),
        ([{"venue": "kraken", "symbols": ["BTC/USD"]}], "write symbols as"),
        ([{"venue": "kraken", "symbols": {"BTC/USDT": "XBT"}}], "write symbols as"),
        ([{"venue": "kraken", "ccxt": {"apiKey": "x"}}], "apiKey is a secret"),
    ],
)
def test_mistakes_are_said_in_a_sentence(told: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Profile.model_validate({"market": {"sources": told}})
