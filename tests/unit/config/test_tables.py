from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.config.builders import profile


def refused(**sections: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        profile(**sections)
    return str(caught.value)


@pytest.mark.parametrize("symbols", ["BTC/USDT, ETH/USDT", ["BTC/USDT", "ETH/USDT"], ("BTC/USDT", " ETH/USDT ")])
def test_symbols_are_a_list_or_a_text_with_commas(symbols: object) -> None:
    assert profile(market={"symbols": symbols}).market.symbols == ("BTC/USDT", "ETH/USDT")


@pytest.mark.parametrize(
    ("symbols", "why"),
    [
        ([], "at least one"),
        ("", "at least one"),
        (["BTCUSDT"], "BASE/QUOTE"),
        (["BTC/"], "BASE/QUOTE"),
        (["BTC/USDT:USDT"], "BASE/QUOTE"),
        (["BTC/USDT", "BTC/USDT"], "named twice"),
        ([1], "not a list of symbols"),
        (7, "not a list of symbols"),
    ],
)
def test_what_is_no_symbol_is_refused(symbols: object, why: str) -> None:
    assert why in refused(market={"symbols": symbols})


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ("0.02", "write the ladder"),
        ([], "write the ladder"),
        ([0.02, 1.0], "write the ladder"),
        ([[0.02]], "write the ladder"),
        (["ab"], "write the ladder"),
        ([["x", 1]], "is not a number"),
        ([[0, 1]], "distance 0"),
        ([[2, 1]], "distance 2"),
        ([[0.02, 0], [0.03, 1]], "part 0"),
        ([[0.02, 1.5]], "part 1.5"),
        ([[0.03, 0.5], [0.02, 0.5]], "must ascend, but 0.02 follows 0.03"),
        ([[0.02, 0.5], [0.02, 0.5]], "must ascend"),
        ([[0.02, 0.5], [0.03, 0.4]], "add up to 0.9 and not to 1"),
        ([["0.02", "0.333333333"], ["0.03", "0.666666666"]], "add up to 0.999999999"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(targets: object, why: str) -> None:
    assert why in refused(exits={"targets": targets})


def test_the_address_of_a_channel_is_not_repeated() -> None:
    said = refused(notify={"discord": "https://chat.example/hook/canary"})
    assert "address is a secret" in said
    errors = profile_errors(notify={"discord": "https://chat.example/hook/canary"})
    assert "canary" not in errors


@pytest.mark.parametrize(
    "table",
    [
        {"apiKey": "canary"},
        {"secret": "canary"},
        {"options": {"private_key": "canary"}},
        {"accounts": [{"password": "canary"}]},
        {"headers": {"Authorization": "canary"}},
    ],
)
def test_a_secret_has_no_place_in_a_file(table: dict[str, Any]) -> None:
    said = profile_errors(venue={"ccxt": table})
    assert "investbot keys set" in said
    assert "canary" not in said


def profile_errors(**sections: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        profile(**sections)
    return " ".join(str(each.get("ctx", {}).get("error")) for each in caught.value.errors())


def test_what_is_handed_on_is_plain() -> None:
    table = {"a": Decimal("0.5"), "b": {"c": [1, True, "x", Decimal(2)]}}
    assert profile(venue={"ccxt": table}).venue.ccxt == {"a": 0.5, "b": {"c": [1, True, "x", 2.0]}}
    parameters = profile(strategy={"parameters": {"fast": 9, "level": Decimal("1.5")}}).strategy.parameters
    assert [type(value) for value in parameters.values()] == [int, float]


@pytest.mark.parametrize("bad", [{"a": Decimal("nan")}, {"a": [float("inf")]}, {"a": None}, 5, ["x"]])
def test_what_cannot_be_handed_on_is_refused(bad: object) -> None:
    assert "venue.ccxt" in refused(venue={"ccxt": bad})


@pytest.mark.parametrize(
    ("given", "tags"),
    [
        ([], ()),
        (["majors", "slow-1"], ("majors", "slow-1")),
        ("majors, slow", ("majors", "slow")),
        (["a", "a"], ("a",)),
    ],
)
def test_tags_are_read_as_list_or_text(given: object, tags: tuple[str, ...]) -> None:
    assert profile(tags=given).tags == tags


@pytest.mark.parametrize("given", [["Majors"], ["@a"], ["a b"], ["x" * 33], 3, [3]])
def test_other_tags_are_refused(given: object) -> None:
    assert "tag" in refused(tags=given)
