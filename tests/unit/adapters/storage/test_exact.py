"""Decimal sums inside SQL."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.storage import exact, sqlcipher
from investbot.domain.order import OrderState

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**30), max_value=10**30)


@given(st.lists(amounts, max_size=20))
def test_a_sum_is_exact_one_by_one_and_as_an_aggregate(each: list[Decimal]) -> None:
    with localcontext() as context:
        context.prec = 100
        expected = sum(each, Decimal(0))
    one_by_one = "0"
    for value in each:
        one_by_one = exact.money_add(one_by_one, format(value, "f"))
    with closing(sqlcipher.scratch()) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(format(value, "f"),) for value in each])
        at_once = connection.execute("SELECT coalesce(money_sum(a), '0') FROM t").fetchone()[0]
    assert Decimal(one_by_one) == expected == Decimal(at_once)
    assert "E" not in one_by_one + at_once


def test_sums_are_written_without_trailing_zeros() -> None:
    assert exact.money_add("0.10000000", "0.20") == "0.3"
    assert exact.money_add("500", "500.00") == "1000"
    assert exact.money_add("1", "-1.000") == "0"


def test_averages_and_what_is_left_of_a_cost_are_rounded_to_twelve_places() -> None:
    assert exact.average("10", "3") == "3.333333333333"
    assert exact.average("10", "0") == "0"
    assert exact.cost_left("10", "3", "1") == "6.666666666667"
    assert exact.cost_left("10", "3", "3") == exact.cost_left("10", "3", "4") == "0"


def test_a_fill_moves_an_order_on_but_wakes_none_that_ended() -> None:
    assert exact.order_state(OrderState.ACKNOWLEDGED, "2", "1") == OrderState.PARTLY_FILLED
    assert exact.order_state(OrderState.PARTLY_FILLED, "2", "2.0") == OrderState.FILLED
    assert exact.order_state(OrderState.CANCELLED, "2", "1") == OrderState.CANCELLED
    assert exact.order_state(OrderState.CANCELLED, "2", "2") == OrderState.FILLED
