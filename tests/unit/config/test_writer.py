from __future__ import annotations

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.config.writer import toml, value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25))
def test_a_decimal_comes_back_exactly(number: Decimal) -> None:
    back = tomllib.loads(f"x = {value(number)}", parse_float=Decimal)["x"]
    assert Decimal(back) == number


@given(st.floats(allow_nan=False))
def test_a_float_comes_back_exactly(number: float) -> None:
    assert tomllib.loads(f"x = {value(number)}")["x"] == number


def test_single_values_come_before_tables() -> None:
    text = toml({"b": {"x": 1, "deep": {"y": [Decimal("0.10"), "a\tb"]}, "empty": {}}, "a": True})
    assert text == 'a = true\n\n[b]\nx = 1\n\n[b.deep]\ny = [0.10, "a\\tb"]\n\n[b.empty]\n'


def test_tables_in_a_list_are_written_in_line() -> None:
    text = toml({"hosts": [{"a b": 1, "c": "\x01"}]})
    assert text == 'hosts = [{ "a b" = 1, c = "\\u0001" }]\n'
    assert tomllib.loads(text) == {"hosts": [{"a b": 1, "c": "\x01"}]}


@pytest.mark.parametrize("item", [None, b"x", object()])
def test_what_no_file_holds_is_refused(item: object) -> None:
    with pytest.raises(TypeError, match="holds no"):
        value(item)
