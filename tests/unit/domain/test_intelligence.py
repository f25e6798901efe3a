"""Items of the world outside: what is one, what it weighs, and how it is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from investbot.domain.errors import DataError
from investbot.domain.intelligence import AHEAD, LONGEST_LIFE, IntelligenceItem, checked, clean, read_item, timely
from investbot.domain.market import DAY, HOUR

NOON = 1_704_110_400_000  # 2024-01-01T12:00:00Z
ITEM = IntelligenceItem("news", "BTC/USDT", 0.5, 0.8, NOON, NOON + HOUR, "n1", "ETF approved")
LINE: dict[str, Any] = {
    "source": "news",
    "symbol": "BTC/USDT",
    "bias": 0.5,
    "confidence": 0.8,
    "published_at": "2024-01-01T12:00:00Z",
    "expires_at": "2024-01-01T13:00:00Z",
    "id": "n1",
    "text": "ETF approved",
}


@pytest.mark.parametrize(
    ("at", "weight"), [(NOON - HOUR, 0.8), (NOON, 0.8), (NOON + HOUR // 2, 0.4), (NOON + HOUR, 0.0), (NOON + DAY, 0.0)]
)
def test_the_weight_falls_evenly_to_nothing(at: int, weight: float) -> None:
    assert ITEM.weight(at) == pytest.approx(weight)


@pytest.mark.parametrize(("symbol", "concerned"), [("BTC/USDT", True), ("ETH/USDT", False)])
def test_an_item_concerns_its_symbol(symbol: str, concerned: bool) -> None:
    assert ITEM.concerns(symbol) is concerned
    assert replace(ITEM, symbol="*").concerns(symbol)


def test_an_item_is_read_as_json_has_it() -> None:
    assert read_item(json.loads(json.dumps(LINE))) == ITEM
    short = {name: LINE[name] for name in ("bias", "confidence")} | {"published_at": NOON}
    found = read_item(short, "index", life=HOUR)
    assert (found.source, found.symbol, found.expires_at) == ("index", "*", NOON + HOUR)
    assert found.item_id == f"{NOON}/0.5/"
    assert read_item({**short, "bias": "0.25"}, "index", life=HOUR).bias == 0.25


def test_the_same_content_without_a_name_is_the_same_item() -> None:
    line = {name: value for name, value in LINE.items() if name != "id"}
    assert read_item(line) == read_item(dict(line))
    assert len({read_item({**line, "text": text}).item_id for text in ("a", "b")}) == 2
    assert len({read_item({**line, "bias": bias}).item_id for bias in (0.1, 0.2)}) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bias": 1.1}, "bias"),
        ({"bias": -1.1}, "bias"),
        ({"bias": float("nan")}, "bias"),
        ({"bias": float("-inf")}, "bias"),
        ({"bias": True}, "bias"),
        ({"bias": None}, "bias"),
        ({"bias": "high"}, "bias"),
        ({"bias": 10**400}, "bias"),
        ({"confidence": -0.1}, "confidence"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": []}, "confidence"),
        ({"published_at": "soon"}, "published_at"),
        ({"published_at": 1.5}, "published_at"),
        ({"published_at": True}, "published_at"),
        ({"published_at": -1}, "expires after"),
        ({"published_at": 10**18, "expires_at": 10**18 + 1}, "expires after"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": LINE["published_at"]}, "expires after"),
        ({"expires_at": NOON + LONGEST_LIFE + 1}, "within 30 days"),
        ({"source": ""}, "source"),
        ({"source": "x" * 65}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"source": 5}, "source"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "x" * 65}, "symbol"),
        ({"id": "x" * 201}, "id"),
        ({"text": {}}, "text"),
        ({"weight": 1}, "'weight'"),
    ],
)
def test_what_is_no_item_is_refused_in_a_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as refused:
        read_item({**LINE, **change})
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("value", [None, 5, "text", [LINE]])
def test_only_an_object_is_an_item(value: object) -> None:
    with pytest.raises(DataError, match="JSON object"):
        read_item(value)


def test_bounds_are_inclusive() -> None:
    for bias in (-1.0, 1.0):
        assert read_item({**LINE, "bias": bias}).bias == bias
    for confidence in (0.0, 1.0):
        assert read_item({**LINE, "confidence": confidence}).confidence == confidence
    assert read_item({**LINE, "expires_at": NOON + LONGEST_LIFE}).expires_at == NOON + LONGEST_LIFE


def test_texts_become_one_short_line() -> None:
    assert clean("  a\n\tb\x00\u202e c ") == "a b c"
    assert len(clean("x" * 5000)) == 200
    assert read_item({**LINE, "text": "a\nb"}).text == "a b"
    with pytest.raises(DataError, match="one line"):
        checked(replace(ITEM, text="a\nb"))


def test_an_item_counts_neither_before_its_time_nor_after_it() -> None:
    assert timely(ITEM, NOON) is None
    assert timely(ITEM, NOON - AHEAD) is None
    assert "future" in str(timely(ITEM, NOON - AHEAD - 1))
    assert timely(ITEM, NOON + HOUR - 1) is None
    assert "expired" in str(timely(ITEM, NOON + HOUR))
