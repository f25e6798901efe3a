from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain.market import MINUTE, Instrument
from investbot.domain.order import Order, OrderState, Role, Side
from investbot.simulation import Book, FillPolicy
from tests.unit.simulation.builders import (
    COSTS,
    INSTRUMENTS,
    candle,
    fills,
    flat,
    order,
    reports,
    told,
)

D = Decimal


def holding(book: Book, quantity: str = "1", *, plan: str = "1") -> Book:
    """Give a plan what its exits are to sell, bought before the test's first bar."""
    book.restore([], {plan: D(quantity)})
    return book


def with_exits(quantity: str = "1", policy: FillPolicy = FillPolicy.STOP_FIRST) -> Book:
    book = holding(Book(COSTS, INSTRUMENTS, policy), quantity)
    book.submit(order(Role.STOP, quantity, stop="99"))
    book.submit(order(Role.TARGET, quantity, price="102"))
    return book


# ---- submit, cancel ------------------------------------------------------------------------------------------------


def test_an_order_is_acknowledged_with_the_simulated_venues_id() -> None:
    (report,) = reports(Book(COSTS, INSTRUMENTS).submit(order(Role.ENTRY, price="100", ioc=True)))
    assert report.state is OrderState.ACKNOWLEDGED
    assert (report.at, report.venue_order_id) == (MINUTE, "sim-1-entry-1")


def test_what_a_venue_would_refuse_is_rejected_with_the_reason() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    cases: list[tuple[Order, str]] = [
        (order(Role.ENTRY, price="100", symbol="XRP/USDT"), "unknown symbol XRP/USDT"),
        (order(Role.ENTRY, "0", price="100"), "quantity 0 is not a positive multiple of the lot 0.001"),
        (order(Role.ENTRY, "0.0005", price="100"), "quantity 0.0005 is not a positive multiple of the lot 0.001"),
        (order(Role.ENTRY, price="0"), "price 0 is not a positive multiple of the tick 0.01"),
        (order(Role.ENTRY, price="100.005"), "price 100.005 is not a positive multiple of the tick 0.01"),
        (replace(order(Role.STOP, stop="99"), stop_price=None), "price None is not a positive multiple"),
        (order(Role.ENTRY, "0.049", price="100"), "notional 4.900 is below the minimum 5"),
        (order(Role.STOP, stop="99", plan="2"), "reduce-only: the plan holds nothing"),
    ]
    for wrong, reason in cases:
        (report,) = reports(book.submit(wrong))
        assert report.state is OrderState.REJECTED
        assert report.venue_order_id is None
        assert report.reason.startswith(reason)
    assert book.orders == ()


def test_an_exit_may_be_smaller_than_the_minimum_notional() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    assert told(book.submit(order(Role.TARGET, "0.001", price="102"))) == ["1-target-1 ACKNOWLEDGED"]


def test_an_open_order_is_not_taken_twice() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.EXIT))
    assert told(book.submit(order(Role.EXIT))) == ["1-exit-1 REJECTED an order of this id is open already"]
    assert len(book.orders) == 1


def test_a_cancelled_order_never_executes() -> None:
    book = with_exits()
    (report,) = reports(book.cancel("1-target-1", 90_000))
    assert (report.at, report.state, report.reason) == (90_000, OrderState.CANCELLED, "cancelled")
    assert book.cancel("1-target-1", 90_000) == []
    assert book.within(candle(2, "100", "110", "100", "100")) == []


def test_a_replacement_takes_over_at_once_and_the_old_order_is_reported_first() -> None:
    book = with_exits()
    moved = order(Role.STOP, stop="99.5", number=2, minute=2, replaces="1-stop-1")
    assert told(book.submit(moved)) == ["1-stop-1 CANCELLED replaced", "1-stop-2 ACKNOWLEDGED"]
    assert told(book.within(candle(2, "100", "100", "99.40", "100")))[0] == "1-stop-2 1@99.45"


def test_a_replacement_of_an_order_that_has_gone_still_protects_the_plan() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    assert told(book.submit(order(Role.STOP, stop="99", number=2, replaces="1-stop-1"))) == ["1-stop-2 ACKNOWLEDGED"]


def test_a_refused_replacement_leaves_the_old_order_in_force() -> None:
    book = with_exits()
    wrong = order(Role.STOP, stop="99.005", number=2, replaces="1-stop-1")
    assert reports(book.submit(wrong))[0].state is OrderState.REJECTED
    assert [open_order.order_id for open_order in book.orders] == ["1-stop-1", "1-target-1"]


# ---- the open ------------------------------------------------------------------------------------------------------


def test_an_entry_fills_at_the_next_open_worse_by_slippage_at_the_takers_fee() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, "0.5", price="100.20", ioc=True))
    (fill,) = fills(book.open(candle(1, "100.01", "105", "95", "101")))
    assert (fill.at, fill.order_id, fill.trade_id) == (MINUTE, "1-entry-1", "1-entry-1.1")
    assert fill.price == D("100.07")  # 100.01 * 1.0005 = 100.060005, to the tick against the buyer
    assert fill.quantity == D("0.5")
    assert (fill.fee, fill.fee_currency) == (D("0.05003500"), "USDT")
    assert book.held("1") == D("0.5")
    assert book.orders == ()


def test_the_fee_is_rounded_up() -> None:
    book = Book(replace(COSTS, taker_fee=D("0.00011111")), INSTRUMENTS)
    book.submit(order(Role.ENTRY, "0.333", price="100.20", ioc=True))
    (fill,) = fills(book.open(flat(1, "100")))
    assert fill.price * fill.quantity * D("0.00011111") == D("0.0037018129815")
    assert fill.fee == D("0.00370182")


def test_an_entry_beyond_its_limit_expires() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="100.04", ioc=True))
    assert told(book.open(flat(1, "100"))) == ["1-entry-1 EXPIRED price 100.05 is beyond the limit 100.04"]
    assert book.orders == ()


def test_an_immediate_sell_expires_below_its_limit() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.EXIT, price="99.96", ioc=True))
    assert told(book.open(flat(1, "100"))) == ["1-exit-1 EXPIRED price 99.95 is beyond the limit 99.96"]


def test_a_market_exit_sells_at_the_open_and_ends_the_other_exits() -> None:
    book = with_exits()
    book.submit(order(Role.EXIT, minute=2))
    assert told(book.open(flat(2, "100"))) == ["1-exit-1 1@99.95", "1-stop-1 CANCELLED oco", "1-target-1 CANCELLED oco"]
    assert book.held("1") == 0
    assert book.orders == ()


def test_a_bar_that_opens_beyond_the_stop_fills_at_its_open_never_at_the_stop() -> None:
    book = with_exits()
    happened = book.open(candle(2, "90", "110", "89", "100"))
    assert told(happened) == ["1-stop-1 1@89.95", "1-target-1 CANCELLED oco"]
    (fill,) = fills(happened)
    assert (fill.at, fill.fee) == (2 * MINUTE, D("0.08995000"))


def test_a_bar_that_opens_on_the_stop_counts_as_gapped() -> None:
    assert told(with_exits().open(flat(2, "99")))[0] == "1-stop-1 1@98.95"


def test_a_bar_that_opens_beyond_the_target_fills_at_its_open_as_a_maker() -> None:
    happened = with_exits().open(candle(2, "103", "103", "90", "100"))
    assert told(happened) == ["1-target-1 1@103", "1-stop-1 CANCELLED oco"]
    assert fills(happened)[0].fee == D("0.02060000")


def test_an_open_between_the_barriers_decides_nothing() -> None:
    assert with_exits().open(candle(2, "100", "110", "90", "100")) == []


def test_a_sale_is_never_for_nothing() -> None:
    worthless = {"BTC/USDT": Instrument("BTC/USDT", D("0.01"), D("0.001"))}
    book = holding(Book(COSTS, worthless))
    book.submit(order(Role.EXIT))
    assert told(book.open(flat(1, "0.01"))) == ["1-exit-1 1@0.01"]


# ---- within the bar ------------------------------------------------------------------------------------------------


def test_a_stop_fills_at_its_price_worse_by_slippage() -> None:
    happened = with_exits().within(candle(2, "100", "101", "99", "100"))
    assert told(happened) == ["1-stop-1 1@98.95", "1-target-1 CANCELLED oco"]
    assert fills(happened)[0].at == 3 * MINUTE


def test_a_target_fills_at_its_price_as_a_maker() -> None:
    happened = with_exits().within(candle(2, "100", "102", "99.01", "100"))
    assert told(happened) == ["1-target-1 1@102", "1-stop-1 CANCELLED oco"]
    assert fills(happened)[0].fee == D("0.02040000")


def test_a_bar_that_reaches_both_is_the_stop_only() -> None:
    assert told(with_exits().within(candle(2, "100", "110", "90", "100"))) == [
        "1-stop-1 1@98.95",
        "1-target-1 CANCELLED oco",
    ]


def test_the_other_fill_policy_takes_the_target_first() -> None:
    book = with_exits(policy=FillPolicy.TARGET_FIRST)
    assert told(book.within(candle(2, "100", "110", "90", "100"))) == ["1-target-1 1@102", "1-stop-1 CANCELLED oco"]


def test_after_a_first_rung_the_stop_sells_only_what_is_left() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.STOP, "1", stop="99"))
    book.submit(order(Role.TARGET, "0.4", price="102"))
    book.submit(order(Role.TARGET, "0.6", price="104", number=2))
    assert told(book.within(candle(2, "100", "102.5", "100", "102"))) == ["1-target-1 0.4@102"]
    assert told(book.within(candle(3, "100", "100", "98", "99"))) == [
        "1-stop-1 0.6@98.95",
        "1-stop-1 CANCELLED oco",
        "1-target-2 CANCELLED oco",
    ]


def test_both_rungs_can_fill_in_one_bar() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.STOP, "1", stop="99"))
    book.submit(order(Role.TARGET, "0.4", price="102"))
    book.submit(order(Role.TARGET, "0.6", price="104", number=2))
    assert told(book.within(candle(2, "100", "105", "100", "102"))) == [
        "1-target-1 0.4@102",
        "1-target-2 0.6@104",
        "1-stop-1 CANCELLED oco",
    ]


def test_a_bar_between_the_barriers_does_nothing() -> None:
    assert with_exits().within(candle(2, "100", "101.99", "99.01", "100")) == []


def test_entries_of_the_same_plan_stay_when_its_exits_are_cancelled() -> None:
    book = with_exits()
    book.submit(order(Role.ENTRY, price="90"))
    book.submit(order(Role.STOP, stop="98", plan="2"))
    book.within(candle(2, "100", "110", "90.01", "100"))
    assert [open_order.order_id for open_order in book.orders] == ["1-entry-1"]


def test_a_resting_buy_fills_at_its_price_or_at_a_better_open() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="98", number=1))
    book.submit(order(Role.ENTRY, price="97", number=2))
    assert told(book.within(candle(1, "100", "101", "98", "100"))) == ["1-entry-1 1@98"]
    assert told(book.open(flat(2, "96"))) == ["1-entry-2 1@96"]


def test_a_buy_stop_goes_off_above_the_market() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, stop="101", number=1))
    book.submit(order(Role.ENTRY, stop="103", number=2))
    assert told(book.within(candle(1, "100", "101", "100", "100"))) == ["1-entry-1 1@101.06"]
    assert told(book.open(flat(2, "104"))) == ["1-entry-2 1@104.06"]


def test_an_immediate_order_submitted_after_the_open_waits_for_the_next_one() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="100.20", ioc=True))
    assert book.within(candle(1, "100", "101", "99", "100")) == []
    assert told(book.open(flat(2, "100"))) == ["1-entry-1 1@100.05"]


def test_exits_placed_at_the_entrys_fill_act_in_the_same_bar() -> None:
    book = Book(COSTS, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="100.20", ioc=True))
    bar = candle(1, "100", "110", "90", "100")
    (bought,) = fills(book.open(bar))
    book.submit(order(Role.STOP, stop="99", placed_at=bought.at))
    book.submit(order(Role.TARGET, price="102", placed_at=bought.at))
    assert told(book.within(bar)) == ["1-stop-1 1@98.95", "1-target-1 CANCELLED oco"]


# ---- symbols, latency ----------------------------------------------------------------------------------------------


def test_a_bar_moves_only_its_own_symbol() -> None:
    both = {**INSTRUMENTS, "ETH/USDT": Instrument("ETH/USDT", D("0.01"), D("0.001"))}
    book = Book(COSTS, both)
    book.submit(order(Role.ENTRY, price="100.20", ioc=True))
    assert book.open(flat(1, "100", symbol="ETH/USDT")) == []
    assert book.now("ETH/USDT", D(100), 0) == []


def test_latency_is_rounded_down_to_whole_bars() -> None:
    for latency, minute in ((0, 5), (MINUTE - 1, 5), (MINUTE, 6), (2 * MINUTE - 1, 6), (2 * MINUTE, 7)):
        book = Book(replace(COSTS, latency_ms=latency), INSTRUMENTS)
        book.submit(order(Role.ENTRY, price="100.20", ioc=True, minute=5))
        filled = [at for at in range(5, 9) if fills(book.open(flat(at, "100")))]
        assert filled == [minute], latency


def test_an_order_of_mid_bar_waits_for_the_next_bar() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.STOP, stop="99", placed_at=2 * MINUTE + 1))
    assert book.within(candle(2, "100", "100", "90", "100")) == []
    assert told(book.within(candle(3, "100", "100", "90", "100"))) == ["1-stop-1 1@98.95"]


def test_a_replacement_has_no_latency() -> None:
    book = holding(Book(replace(COSTS, latency_ms=MINUTE), INSTRUMENTS))
    book.submit(order(Role.STOP, stop="99", minute=1))
    book.submit(order(Role.STOP, stop="99.5", minute=2, number=2, replaces="1-stop-1"))
    assert told(book.within(candle(2, "100", "100", "99.2", "100"))) == ["1-stop-2 1@99.45"]


# ---- partial fills -------------------------------------------------------------------------------------------------

SHARED = replace(COSTS, bar_share=D("0.1"))


def test_an_entry_takes_its_share_of_the_bar_and_the_rest_expires() -> None:
    book = Book(SHARED, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="100.20", ioc=True))
    assert told(book.open(flat(1, "100", volume=4.0059))) == [
        "1-entry-1 0.400@100.05",
        "1-entry-1 EXPIRED the bar had too little volume",
    ]
    assert book.held("1") == D("0.4")


def test_an_entry_in_a_bar_without_volume_expires_unfilled() -> None:
    book = Book(SHARED, INSTRUMENTS)
    book.submit(order(Role.ENTRY, price="100.20", ioc=True))
    assert told(book.open(flat(1, "100", volume=0.0))) == ["1-entry-1 EXPIRED the bar had too little volume"]
    assert book.held("1") == 0


def test_a_stop_that_has_gone_off_sells_its_rest_at_the_next_open_wherever_that_is() -> None:
    book = holding(Book(SHARED, INSTRUMENTS))
    book.submit(order(Role.STOP, stop="99"))
    book.submit(order(Role.TARGET, price="102"))
    assert told(book.within(candle(2, "100", "101", "98", "100", volume=6.0))) == [
        "1-stop-1 0.600@98.95",
        "1-target-1 CANCELLED oco",
    ]
    happened = book.open(candle(3, "101", "101", "101", "101", volume=6.0))
    assert told(happened) == ["1-stop-1 0.400@100.94"]
    assert [fill.trade_id for fill in fills(happened)] == ["1-stop-1.601"]
    assert book.orders == ()


def test_a_limit_order_gets_its_share_of_a_bar_once() -> None:
    book = holding(Book(SHARED, INSTRUMENTS))
    book.submit(order(Role.TARGET, price="102"))
    bar = candle(2, "103", "104", "102", "103", volume=3.0)
    assert told(book.open(bar)) == ["1-target-1 0.300@103"]
    assert book.within(bar) == []
    assert told(book.within(candle(3, "101", "102", "101", "101", volume=7.0))) == ["1-target-1 0.700@102"]


def test_a_stop_stays_asleep_in_a_bar_that_traded_nothing() -> None:
    book = holding(Book(SHARED, INSTRUMENTS))
    book.submit(order(Role.STOP, stop="99"))
    assert book.within(candle(2, "100", "101", "98", "100", volume=0.0)) == []
    assert book.open(flat(3, "100")) == []


# ---- at once, restore ----------------------------------------------------------------------------------------------


def test_market_orders_can_be_executed_at_once() -> None:
    book = with_exits()
    book.submit(order(Role.FLATTEN))
    book.submit(order(Role.FLATTEN, number=2))
    happened = book.now("BTC/USDT", D("100"), 123_456)
    assert told(happened) == [
        "1-flatten-1 1@99.95",
        "1-stop-1 CANCELLED oco",
        "1-target-1 CANCELLED oco",
        "1-flatten-2 CANCELLED oco",
    ]
    assert {item.at for item in happened} == {123_456}


def test_a_restored_book_goes_on_as_if_nothing_had_happened() -> None:
    first = holding(Book(SHARED, INSTRUMENTS))
    first.submit(order(Role.STOP, stop="99"))
    first.submit(order(Role.ENTRY, price="90", plan="2"))
    first.within(candle(2, "100", "101", "98", "100", volume=6.0))
    second = Book(SHARED, INSTRUMENTS)
    second.restore([(first.orders[0], D("0.6")), (first.orders[1], D(0))], {"1": D("0.4"), "3": D(0)})
    for bar in (candle(3, "101", "101", "80", "101", volume=6.0), candle(4, "95", "95", "80", "95", volume=60.0)):
        assert first.open(bar) == second.open(bar)
        assert first.within(bar) == second.within(bar)
    assert first.orders == second.orders == ()
    assert first.held("2") == second.held("2") == 1


def test_an_empty_book_does_nothing() -> None:
    book = Book(COSTS, INSTRUMENTS)
    bar = flat(1, "100")
    assert (book.open(bar), book.within(bar), book.now("BTC/USDT", D(100), 0)) == ([], [], [])


@pytest.mark.parametrize(
    ("high", "low", "touched"),
    [("105", "99", False), ("110", "99", True), ("105", "95", True), ("105", "95.01", False)],
)
def test_touched_tells_whether_a_bar_can_execute_anything(high: str, low: str, touched: bool) -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.STOP, number=2, stop="95"))
    book.submit(order(Role.TARGET, number=3, price="110"))
    assert book.touched(candle(3, "100", high, low, "100")) is touched
    assert not book.touched(candle(3, "100", "200", "1", "100", symbol="ETH/USDT"))


def test_a_market_order_is_always_touched() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.EXIT, number=2))
    assert book.touched(flat(3, "100"))


# ---- the glance ----------------------------------------------------------------------------------------------------


def bars() -> list[tuple[str, str]]:
    """High and low of bars at, just inside and beyond each level used here."""
    return [(high, low) for high in ("101.99", "102", "103") for low in ("98.99", "99", "99.01")]


def reached(book: Book, minute: int = 3) -> list[bool]:
    """What the glance says, held against every open order one by one."""
    said = []
    for high, low in bars():
        bar = candle(minute, "100", high, low, "100")
        said.append(book.touched(bar))
        slow = any(
            resting.kind.name == "OPEN"
            or (
                bar.high >= resting.level
                if (resting.kind.name == "STOP") is (resting.order.side is Side.BUY)
                else bar.low <= resting.level
            )
            for resting in book._open.values()
        )
        assert said[-1] is slow
    return said


def test_the_glance_follows_every_change_of_the_orders() -> None:
    book = with_exits()
    both = reached(book)
    assert both == [low != "99.01" or high != "101.99" for high, low in bars()]
    book.cancel("1-target-1", MINUTE)
    assert reached(book) == [low != "99.01" for _, low in bars()]
    book.submit(order(Role.TARGET, price="102", number=2))
    assert reached(book) == both
    book.submit(order(Role.STOP, stop="98.5", number=2, replaces="1-stop-1"))
    assert reached(book) == [high != "101.99" for high, _ in bars()]
    book.open(flat(4, "103"))
    assert reached(book, 5) == [False] * 9
    book.restore([(order(Role.STOP, stop="99"), D(0))], {"1": D(1)})
    assert reached(book) == [low != "99.01" for _, low in bars()]
    book.within(candle(4, "100", "100", "98", "99"))
    assert reached(book, 5) == [False] * 9


def test_the_glance_sees_what_waits_for_an_open_and_no_other_symbol() -> None:
    book = holding(Book(COSTS, INSTRUMENTS))
    book.submit(order(Role.EXIT))
    assert reached(book) == [True] * 9
    assert not book.touched(flat(3, "100", symbol="ETH/USDT"))
    book.now("BTC/USDT", D(100), 3 * MINUTE)
    assert reached(book) == [False] * 9


def test_a_stop_that_has_gone_off_waits_for_the_next_open() -> None:
    costs = replace(COSTS, bar_share=D("0.1"))
    book = holding(Book(costs, INSTRUMENTS), "10")
    book.submit(order(Role.STOP, "10", stop="99"))
    assert not book.touched(flat(3, "100"))
    book.within(candle(3, "100", "100", "98", "99", volume=10.0))
    assert book.touched(flat(4, "100"))
